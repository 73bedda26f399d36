/** Which of the lists that the console holds a changed object belongs to, and how it gets there. */
import type { QueryClient } from "@tanstack/react-query";

import { upsert, without } from "./lists";
import type { Me } from "./models";

/** The kinds that the live stream tells of, and the first word of the lists that hold them. */
export const LIVE_LISTS = { instance: "instances", image: "images", snapshot: "snapshots" } as const;

export interface Kept {
  id: string;
  owner?: string | null;
}

/**
 * Whether an object that a list does not hold yet should be in it. Instances that are shared with
 * the user, and images, which depend on policies, are for the server to say.
 */
export const belongs = (scope: unknown, item: Kept, user: string | undefined): boolean =>
  scope === "everybody" || (scope === "own" && item.owner === user);

/** What the stream told last of each object, and when; nothing where it is gone. */
const told = new Map<string, { at: number; item?: Kept }>();

/**
 * A list as it was read, but for what the stream has told meanwhile: the answer may be older, and
 * a state that has passed must not come back.
 */
export async function unlessTold<T extends Kept>(read: Promise<T[]>): Promise<T[]> {
  const since = performance.now();
  return (await read).flatMap((item) => {
    const news = told.get(item.id);
    if (!news || news.at < since) return [item];
    return news.item ? [asSeen(item, news.item) as T] : [];
  });
}

/** Put a changed object into the lists of its kind. */
export function keep(queries: QueryClient, list: string, item: Kept): void {
  told.set(item.id, { at: performance.now(), item });
  const user = queries.getQueryData<Me>(["me"])?.name;
  for (const [key, items] of queries.getQueriesData<Kept[]>({ queryKey: [list] })) {
    if (!items) continue;
    const known = items.find(({ id }) => id === item.id);
    if (!known && !belongs(key[1], item, user)) continue;
    queries.setQueryData(key, upsert(items, known ? asSeen(known, item) : item));
  }
}

const PAUSE_MS = 500;
const waiting = new Set<string>();

/** Read a list again in a moment: many changes in a row read it once. */
export function readSoon(queries: QueryClient, list: string): void {
  if (waiting.has(list)) return;
  waiting.add(list);
  setTimeout(() => {
    waiting.delete(list);
    void queries.invalidateQueries({ queryKey: [list] });
  }, PAUSE_MS);
}

/** Take an object out of all lists that may hold it. */
export function drop(queries: QueryClient, id: string): void {
  told.set(id, { at: performance.now() });
  for (const list of Object.values(LIVE_LISTS)) {
    queries.setQueriesData<readonly Kept[]>({ queryKey: [list] }, (items) => items && without(items, id));
  }
}

/** What the stream sends is the same for everybody; the user's own access to it stays. */
function asSeen(known: Kept, item: Kept): Kept {
  return "access" in known ? { ...item, access: known.access } as Kept : item;
}
