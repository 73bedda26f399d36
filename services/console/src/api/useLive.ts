/** Ties the live streams to the lists that react-query holds. */
import { useQueryClient, type QueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";

import { apiUrl } from "./base";
import { drop, keep, LIVE_LISTS, readSoon, type Kept } from "./cache";
import { mergeEvents } from "./lists";
import type { EventLine } from "./models";
import { openStream, type StreamState } from "./stream";

/** What depends on which instances run and wait. */
const BY_INSTANCES = ["queue", "groups", "quotas"];

/** Follow what the user may see, that of others too where they want it, as long as the component lives. */
export function useLive(everybody: boolean): StreamState {
  const queries = useQueryClient();
  const [state, setState] = useState<StreamState>("connecting");
  useEffect(
    () =>
      openStream({
        url: apiUrl(`events/stream${everybody ? "?all=true" : ""}`),
        onMessage: (name, data) => take(queries, name, data),
        onState: (next) => {
          setState(next);
          // What changed before the stream was open, or while it was broken, is not repeated on it;
          // and a stream that is refused may mean that the session has ended: `me` finds out.
          if (next === "live") void queries.invalidateQueries();
          if (next === "lost") void queries.invalidateQueries({ queryKey: ["me"] });
        },
      }),
    [queries, everybody],
  );
  return state;
}

/** Follow one instance's events, on top of the history that `useEvents` reads. */
export function useLiveEvents(id: string): void {
  const queries = useQueryClient();
  useEffect(
    () =>
      openStream({
        url: apiUrl(`instances/${encodeURIComponent(id)}/events/stream`),
        onMessage: (_, data) => {
          if (!data) return;
          queries.setQueryData<EventLine[]>(["events", id], (known) =>
            mergeEvents(known ?? [], [data as EventLine]),
          );
        },
        onState: (next) => {
          if (next === "live") void queries.invalidateQueries({ queryKey: ["events", id] });
        },
      }),
    [queries, id],
  );
}

function take(queries: QueryClient, name: string, data: unknown): void {
  if (typeof data !== "object" || data === null || !("id" in data)) return;
  const item = data as Kept;
  if (name === "gone") {
    drop(queries, item.id);
  } else if (name in LIVE_LISTS) {
    const list = LIVE_LISTS[name as keyof typeof LIVE_LISTS];
    keep(queries, list, item);
    // A list that is on its way may be older than this change; and which images are offered where
    // depends on policies and on rebuilt ones, of which the stream does not tell.
    const doubtful = list === "images" || queries.isFetching({ queryKey: [list] });
    if (doubtful) readSoon(queries, list);
  }
  if (name === "instance" || name === "gone") {
    for (const list of BY_INSTANCES) readSoon(queries, list);
  }
}
