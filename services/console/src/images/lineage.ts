/** From which images an image grew, and the order in which images are shown. */
import type { Image } from "../api/models";

export interface Ancestor {
  id: string;
  image: Image | undefined;
}

/**
 * The ancestors, nearest first. `find` answers with an image or fails; an image that cannot be had,
 * because it belongs to somebody else, ends the line without a name.
 */
export async function lineage(
  image: Image,
  find: (id: string) => Promise<Image>,
): Promise<Ancestor[]> {
  const line: Ancestor[] = [];
  const seen = new Set([image.id]);
  let next = image.parent_id;
  while (next && !seen.has(next)) {
    seen.add(next);
    const parent = await find(next).catch(() => undefined);
    line.push({ id: next, image: parent });
    next = parent?.parent_id;
  }
  return line;
}

export const SOURCES = [
  { source: "official", title: "Official" },
  { source: "custom", title: "Custom" },
  { source: "snapshot", title: "Saved from instances" },
] as const;

/** Images by where they come from: those that can be used first, then the newest. */
export function grouped(images: readonly Image[]) {
  return SOURCES.map(({ source, title }) => ({
    source,
    title,
    images: images.filter((image) => image.source === source).sort((one, other) => Number(other.available) - Number(one.available) || newestFirst(one, other)),
  })).filter((group) => group.images.length > 0);
}

export const newestFirst = (
  one: { created_at: string },
  other: { created_at: string },
): number => Date.parse(other.created_at) - Date.parse(one.created_at);
