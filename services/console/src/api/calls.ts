/** The calls of the API about instances, snapshots and what everybody may read. */
import { client, unwrap } from "./client";
import type {
  EventLine,
  InstanceChange,
  InstanceCreate,
  SharePut,
  SnapshotAsk,
  SnapshotCreate,
} from "./models";
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
  /** Without `save` it is as the instance says. */
  stopInstance: (id: string, save?: boolean) =>
    unwrap(
      client.POST("/instances/{instance_id}/stop", {
        ...ofInstance(id),
        body: save === undefined ? null : { save },
      }),
    ),
  deleteInstance: (id: string) =>
    unwrap(client.DELETE("/instances/{instance_id}", ofInstance(id))),
  forecast: (id: string, body: SnapshotAsk, signal: AbortSignal) =>
    unwrap(client.POST("/instances/{instance_id}/snapshots/forecast", { ...ofInstance(id), body, signal })),
  saveInstance: (id: string, body: SnapshotCreate) =>
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
