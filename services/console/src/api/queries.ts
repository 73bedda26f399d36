/** What the console holds of the server, kept fresh by the live stream or else by polling. */
import {
  MutationCache,
  QueryCache,
  QueryClient,
  useQuery,
  type UseQueryResult,
} from "@tanstack/react-query";
import { createContext, useContext, useSyncExternalStore } from "react";

import { assetCalls } from "./assetCalls";
import { unlessTold } from "./cache";
import { calls, eventsAfter, type InstanceScope, type SnapshotScope } from "./calls";
import { mayHelpToRetry } from "./client";
import { connection } from "./connection";
import { mergeEvents } from "./lists";
import type { EventLine, Image, Instance, Snapshot, Workspace } from "./models";
import { Problem } from "./problem";
import type { StreamState } from "./stream";
import { workspaceCalls } from "./workspaceCalls";

const POLL_MS = 4_000;
/** Nothing tells of what was shared or taken away; it is looked at in this rhythm. */
const LOOK_MS = 15_000;
const CHECK_MS = 60_000;

export const LiveContext = createContext<StreamState>("connecting");

export function newQueryClient(): QueryClient {
  /** A refusal may mean that the user is no longer what this page thinks: that is read anew. */
  const onError = (error: unknown): void => {
    if (error instanceof Problem && (error.status === 403 || error.status === 404)) {
      void queries.invalidateQueries({ queryKey: ["workspaces"] });
    }
  };
  const queries: QueryClient = new QueryClient({
    queryCache: new QueryCache({
      onError: (error, query) => query.queryKey[0] !== "workspaces" && onError(error),
    }),
    mutationCache: new MutationCache({ onError }),
    defaultOptions: {
      queries: { networkMode: "always", retry: mayHelpToRetry, staleTime: 5_000 },
      mutations: { networkMode: "always" },
    },
  });
  return queries;
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

export const useWorkspaces = (enabled = true): UseQueryResult<Workspace[]> =>
  useQuery({
    enabled,
    queryKey: ["workspaces"],
    queryFn: ({ signal }) => workspaceCalls.workspaces(signal),
    refetchInterval: LOOK_MS,
  });

export const useSpecs = () =>
  useQuery({
    queryKey: ["specs"],
    queryFn: ({ signal }) => calls.specs(signal),
    staleTime: CHECK_MS,
  });

/** Images that are of use in a workspace, or in any of the user's. */
export const useImages = (workspace: string | undefined): UseQueryResult<Image[]> =>
  useQuery({
    queryKey: ["images", workspace ?? ""],
    queryFn: ({ signal }) => assetCalls.images(workspace, signal),
    refetchInterval: useInterval(),
  });

export const useInstances = (scope: InstanceScope = "own", enabled = true): UseQueryResult<Instance[]> => {
  const interval = useInterval();
  return useQuery({
    queryKey: ["instances", scope],
    queryFn: ({ signal }) => unlessTold(calls.instances(scope, signal)),
    refetchInterval: scope === "shared" ? LOOK_MS : interval,
    enabled,
  });
};

/** One that is in no list that is shown; its errors say that it is not there for the user. */
export const useOneInstance = (id: string, enabled: boolean): UseQueryResult<Instance> =>
  useQuery({
    queryKey: ["instance", id],
    queryFn: ({ signal }) => calls.instance(id, signal),
    refetchInterval: POLL_MS,
    enabled,
  });

export const useSnapshots = (scope: SnapshotScope = "own"): UseQueryResult<Snapshot[]> =>
  useQuery({
    queryKey: ["snapshots", scope],
    queryFn: ({ signal }) => unlessTold(calls.snapshots(scope, signal)),
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
