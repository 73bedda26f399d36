/** What the console holds of workspaces, resource groups and the queue; it is read again now and then. */
import { useQuery, type UseQueryResult } from "@tanstack/react-query";

import { assetCalls } from "./assetCalls";
import { capacityCalls } from "./capacityCalls";
import type { CodeSource, Credential, Member, QueueEntry, QuotaView, ResourceGroup, Role } from "./models";
import { everyItem } from "./pages";
import { workspaceCalls } from "./workspaceCalls";

const SOON_MS = 5_000;
const OFTEN_MS = 15_000;

export const useGroups = (): UseQueryResult<ResourceGroup[]> =>
  useQuery({
    queryKey: ["groups"],
    queryFn: ({ signal }) => capacityCalls.groups(signal),
    refetchInterval: OFTEN_MS,
  });

export const useQueue = (workspace: string | undefined): UseQueryResult<QueueEntry[]> =>
  useQuery({
    queryKey: ["queue", workspace ?? ""],
    queryFn: ({ signal }) => capacityCalls.queue(workspace, signal),
    refetchInterval: SOON_MS,
  });

export const useRoles = (workspace: string, enabled = true): UseQueryResult<Role[]> =>
  useQuery({
    enabled,
    queryKey: ["roles", workspace],
    queryFn: ({ signal }) => workspaceCalls.roles(workspace, signal),
    staleTime: OFTEN_MS,
  });

export const useQuotas = (workspace: string): UseQueryResult<QuotaView[]> =>
  useQuery({
    queryKey: ["quotas", workspace],
    queryFn: ({ signal }) => workspaceCalls.quotas(workspace, signal),
    refetchInterval: OFTEN_MS,
  });

/** All members at once, for a choice among them. */
export const useMembers = (workspace: string, enabled = true): UseQueryResult<Member[]> =>
  useQuery({
    queryKey: ["members", workspace, "every"],
    queryFn: ({ signal }) => everyItem((cursor) => workspaceCalls.members(workspace, cursor, signal)),
    enabled,
  });

export const useCodeSources = (workspace: string, enabled = true): UseQueryResult<CodeSource[]> =>
  useQuery({
    queryKey: ["codeSources", workspace, "every"],
    queryFn: ({ signal }) => everyItem((cursor) => assetCalls.codeSources(workspace, cursor, signal)),
    enabled,
  });

export const useCredentials = (workspace: string, enabled = true): UseQueryResult<Credential[]> =>
  useQuery({
    queryKey: ["credentials", workspace, "every"],
    queryFn: ({ signal }) => everyItem((cursor) => assetCalls.credentials(workspace, cursor, signal)),
    enabled,
  });
