/** The calls of the API about the user's own SSH keys. */
import { useQuery, type UseQueryResult } from "@tanstack/react-query";

import { once } from "./calls";
import { client, unwrap } from "./client";
import type { SshKey, SshKeyAdd } from "./models";
import { everyItem, LONGEST } from "./pages";

/** Keys may be added on the command line, too; a use is seen within this time. */
const LOOK_MS = 15_000;

export const sshCalls = {
  keys: (signal: AbortSignal) =>
    everyItem((cursor) =>
      unwrap(client.GET("/ssh-keys", { params: { query: { limit: LONGEST, cursor } }, signal })),
    ),
  addKey: (body: SshKeyAdd, key: string) => unwrap(client.POST("/ssh-keys", { params: once(key), body })),
  deleteKey: (id: string) =>
    unwrap(client.DELETE("/ssh-keys/{key_id}", { params: { path: { key_id: id } } })).then(() => undefined),
};

export const useSshKeys = (): UseQueryResult<SshKey[]> =>
  useQuery({
    queryKey: ["sshKeys"],
    queryFn: ({ signal }) => sshCalls.keys(signal),
    refetchInterval: LOOK_MS,
  });
