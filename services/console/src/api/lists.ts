/** How one change from the live stream alters the lists that the console holds. Pure. */
import type { EventLine } from "./models";

interface HasId {
  id: string;
}

/** The list with this object in its place, or at the end when it is new. */
export function upsert<T extends HasId>(items: readonly T[], item: T): T[] {
  const index = items.findIndex(({ id }) => id === item.id);
  return index < 0 ? [...items, item] : items.with(index, item);
}

/** The list without the object; the same list when it was not there. */
export function without<T extends HasId>(items: readonly T[], id: string): readonly T[] {
  return items.some((item) => item.id === id) ? items.filter((item) => item.id !== id) : items;
}

/** History and live events as one list in order; an event that came twice stands once. */
export function mergeEvents(known: EventLine[], more: readonly EventLine[]): EventLine[] {
  const ids = new Set(known.map((event) => event.id));
  const fresh = more.filter((event) => !ids.has(event.id));
  if (fresh.length === 0) return known;
  return [...known, ...fresh].sort((one, other) => one.id - other.id);
}

/** A run of progress reports of one state and message becomes its last line. */
export function collapseProgress(events: readonly EventLine[]): EventLine[] {
  return events.filter((event, index) => {
    const next = events[index + 1];
    return !(next && isProgress(event) && isProgress(next) && next.state === event.state);
  });
}

const isProgress = (event: EventLine): boolean =>
  event.bytes_total != null || (event.percent != null && !event.message);
