/** The calls of the API about resource groups and the queue. */
import { client, unwrap } from "./client";
import type { QueueMove } from "./models";
import { everyItem, LONGEST } from "./pages";

const ofEntry = (id: string) => ({ params: { path: { instance_id: id } } });

export const capacityCalls = {
  groups: async (signal: AbortSignal) =>
    (await unwrap(client.GET("/resource-groups", { signal }))).items,
  queue: (workspace: string | undefined, signal: AbortSignal) =>
    everyItem((cursor) => {
      const query = { workspace: workspace ?? null, limit: LONGEST, cursor };
      return unwrap(client.GET("/queue", { params: { query }, signal }));
    }),
  moveInQueue: (id: string, body: QueueMove) =>
    unwrap(client.PATCH("/queue/{instance_id}", { ...ofEntry(id), body })),
  takeOutOfQueue: (id: string) => unwrap(client.DELETE("/queue/{instance_id}", ofEntry(id))),
};
