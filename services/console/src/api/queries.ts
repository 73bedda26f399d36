/** What the console holds of the server, kept fresh by the live stream or else by polling. */
import { QueryClient, useQuery, type UseQueryResult } from "@tanstack/react-query";
import { createContext, useContext, useSyncExternalStore } from "react";

import { calls, eventsAfter } from "./calls";
import { mayHelpToRetry } from "./client";
import { connection } from "./connection";
import { mergeEvents } from "./lists";
import type { EventLine, Image, Instance, Snapshot } from "./models";
import type { StreamState } from "./stream";

const POLL_MS = 4_000;
const CHECK_MS = 60_000;

export const LIVE_LISTS = { instance: "instances", image: "images", snapshot: "snapshots" } as const;

export const LiveContext = createContext<StreamState>("connecting");

export function newQueryClient(): QueryClient {
  return new QueryClient({
    defaultOptions: {
      queries: { networkMode: "always", retry: mayHelpToRetry, staleTime: 5_000 },
      mutations: { networkMode: "always" },
    },
  });
}

/** While the stream is live a list is only checked now and then; otherwise it is polled. */
function useInterval(): number {
  const reachable = useSyncExternalStore(connection.subscribe, connection.isReachable);
  return useContext(LiveContext) === "live" && reachable ? CHECK_MS : POLL_MS;
}

export const useMe = () =>
  useQuery({
    queryKey: ["me"],
    queryFn: ({ signal }) => calls.me(signal),
    refetchInterval: (query) => (query.state.status === "error" ? POLL_MS : CHECK_MS),
  });

export const useWorkspaces = () =>
  useQuery({
    queryKey: ["workspaces"],
    queryFn: ({ signal }) => calls.workspaces(signal),
    staleTime: CHECK_MS,
  });

export const useSpecs = () =>
  useQuery({
    queryKey: ["specs"],
    queryFn: ({ signal }) => calls.specs(signal),
    staleTime: CHECK_MS,
  });

export const useImages = (): UseQueryResult<Image[]> =>
  useQuery({
    queryKey: ["images"],
    queryFn: ({ signal }) => calls.images(signal),
    refetchInterval: useInterval(),
  });

export const useInstances = (): UseQueryResult<Instance[]> =>
  useQuery({
    queryKey: ["instances"],
    queryFn: ({ signal }) => calls.instances(signal),
    refetchInterval: useInterval(),
  });

export const useSnapshots = (): UseQueryResult<Snapshot[]> =>
  useQuery({
    queryKey: ["snapshots"],
    queryFn: ({ signal }) => calls.snapshots(signal),
    refetchInterval: useInterval(),
  });

/** The history of one instance; what is known of it already is not read again. */
export const useEvents = (id: string): UseQueryResult<EventLine[]> =>
  useQuery({
    queryKey: ["events", id],
    queryFn: async ({ client, queryKey, signal }) => {
      const more = await eventsAfter(id, lastId(client.getQueryData(queryKey)), signal);
      // Read again: the live stream may have added events meanwhile.
      return mergeEvents(client.getQueryData<EventLine[]>(queryKey) ?? [], more);
    },
    refetchInterval: useInterval(),
  });

const lastId = (events: EventLine[] | undefined): number => events?.at(-1)?.id ?? 0;
