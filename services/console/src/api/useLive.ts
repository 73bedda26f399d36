/** Ties the live streams to the lists that react-query holds. */
import { useQueryClient, type QueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";

import { apiUrl } from "./base";
import { mergeEvents, upsert, without } from "./lists";
import type { EventLine } from "./models";
import { LIVE_LISTS } from "./queries";
import { openStream, type StreamState } from "./stream";

type Listed = { id: string };

/** Follow everything that the user may see, as long as the component lives. */
export function useLive(): StreamState {
  const queries = useQueryClient();
  const [state, setState] = useState<StreamState>("connecting");
  useEffect(
    () =>
      openStream({
        url: apiUrl("events/stream"),
        onMessage: (name, data) => take(queries, name, data),
        onState: (next) => {
          setState(next);
          // What changed before the stream was open, or while it was broken, is not repeated on it;
          // and a stream that is refused may mean that the session has ended: `me` finds out.
          if (next === "live") void queries.invalidateQueries();
          if (next === "lost") void queries.invalidateQueries({ queryKey: ["me"] });
        },
      }),
    [queries],
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
  const item = data as Listed;
  if (name === "gone") {
    for (const key of Object.values(LIVE_LISTS)) {
      change(queries, key, (items) => without(items, item.id));
    }
  } else if (name in LIVE_LISTS) {
    change(queries, LIVE_LISTS[name as keyof typeof LIVE_LISTS], (items) => upsert(items, item));
  }
}

function change(
  queries: QueryClient,
  key: string,
  apply: (items: readonly Listed[]) => readonly Listed[],
): void {
  queries.setQueryData<readonly Listed[]>([key], (items) => items && apply(items));
  // A list that is on its way may be older than this change; and a rebuilt image, of which the
  // stream tells, takes the place of another, of which it does not. Then the list is read anew.
  if (key === "images" || queries.isFetching({ queryKey: [key] })) {
    void queries.invalidateQueries({ queryKey: [key] });
  }
}
