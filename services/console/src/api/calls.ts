/** The calls of the API about instances, snapshots and what everybody may read. */
import { client, unwrap } from "./client";
import type { EventLine, InstanceChange, InstanceCreate, SharePut } from "./models";
import { everyItem, LONGEST } from "./pages";

const ofInstance = (id: string) => ({ params: { path: { instance_id: id } } });
const ofSnapshot = (id: string) => ({ params: { path: { snapshot_id: id } } });

/** A header that lets a request be repeated without making a second object. */
export const once = (key: string) => ({ header: { "Idempotency-Key": key } });

export type InstanceScope = "own" | "everybody" | "shared";
export type SnapshotScope = "own" | "everybody";

export const calls = {
  me: (signal: AbortSignal) => unwrap(client.GET("/me", { signal })),
  specs: async (signal: AbortSignal) => (await unwrap(client.GET("/specs", { signal }))).items,
  instances: (scope: InstanceScope, signal: AbortSignal) =>
    everyItem((cursor) => {
      const query = { all: scope === "everybody", shared: scope === "shared", limit: LONGEST, cursor };
      return unwrap(client.GET("/instances", { params: { query }, signal }));
    }),
  instance: (id: string, signal: AbortSignal) =>
    unwrap(client.GET("/instances/{instance_id}", { ...ofInstance(id), signal })),
  snapshots: (scope: SnapshotScope, signal: AbortSignal) =>
    everyItem((cursor) => {
      const query = { all: scope === "everybody", limit: LONGEST, cursor };
      return unwrap(client.GET("/snapshots", { params: { query }, signal }));
    }),

  createInstance: (body: InstanceCreate, key: string) =>
    unwrap(client.POST("/instances", { params: once(key), body })),
  changeInstance: (id: string, body: InstanceChange) =>
    unwrap(client.PATCH("/instances/{instance_id}", { ...ofInstance(id), body })),
  startInstance: (id: string) =>
    unwrap(client.POST("/instances/{instance_id}/start", ofInstance(id))),
  stopInstance: (id: string) =>
    unwrap(client.POST("/instances/{instance_id}/stop", ofInstance(id))),
  deleteInstance: (id: string) =>
    unwrap(client.DELETE("/instances/{instance_id}", ofInstance(id))),
  saveInstance: (id: string, body: { name: string; description: string }) =>
    unwrap(client.POST("/instances/{instance_id}/snapshots", { ...ofInstance(id), body })),
  cancelSnapshot: (id: string) =>
    unwrap(client.POST("/snapshots/{snapshot_id}/cancel", ofSnapshot(id))),

  shares: (id: string, signal: AbortSignal) =>
    everyItem((cursor) => {
      const params = { path: { instance_id: id }, query: { limit: LONGEST, cursor } };
      return unwrap(client.GET("/instances/{instance_id}/shares", { params, signal }));
    }),
  putShare: (id: string, body: SharePut) =>
    unwrap(client.PUT("/instances/{instance_id}/shares", { ...ofInstance(id), body })),
  endShare: (id: string, share: string) => {
    const params = { path: { instance_id: id, share_id: share } };
    return unwrap(client.DELETE("/instances/{instance_id}/shares/{share_id}", { params }));
  },
};

/** An instance's events after an id, oldest first. */
export const eventsAfter = (id: string, after: number, signal: AbortSignal): Promise<EventLine[]> =>
  everyItem((cursor) => {
    const params = { path: { instance_id: id }, query: { after, limit: LONGEST, cursor } };
    return unwrap(client.GET("/instances/{instance_id}/events", { params, signal }));
  });
