/** Every call of the API that the console makes, once. */
import { client, unwrap } from "./client";
import type { EventLine, InstanceChange, InstanceCreate } from "./models";

const ofInstance = (id: string) => ({ params: { path: { instance_id: id } } });
const ofImage = (id: string) => ({ params: { path: { image_id: id } } });
const ofSnapshot = (id: string) => ({ params: { path: { snapshot_id: id } } });

/** The items of a list. */
async function items<T>(page: Promise<{ items: T[] }>): Promise<T[]> {
  return (await page).items;
}

export const calls = {
  me: (signal: AbortSignal) => unwrap(client.GET("/me", { signal })),
  workspaces: (signal: AbortSignal) => items(unwrap(client.GET("/workspaces", { signal }))),
  specs: (signal: AbortSignal) => items(unwrap(client.GET("/specs", { signal }))),
  images: (signal: AbortSignal) => items(unwrap(client.GET("/images", { signal }))),
  image: (id: string, signal: AbortSignal) =>
    unwrap(client.GET("/images/{image_id}", { ...ofImage(id), signal })),
  instances: (signal: AbortSignal) => items(unwrap(client.GET("/instances", { signal }))),
  snapshots: (signal: AbortSignal) => items(unwrap(client.GET("/snapshots", { signal }))),

  createInstance: (body: InstanceCreate) => unwrap(client.POST("/instances", { body })),
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
  deleteImage: (id: string) =>
    unwrap(client.DELETE("/images/{image_id}", ofImage(id))).then(() => undefined),
};

/** An instance's events after an id, page by page until no more come. */
export async function eventsAfter(
  id: string,
  after: number,
  signal: AbortSignal,
): Promise<EventLine[]> {
  const events: EventLine[] = [];
  for (;;) {
    const query = { after: events.at(-1)?.id ?? after };
    const params = { path: { instance_id: id }, query };
    const page = await unwrap(client.GET("/instances/{instance_id}/events", { params, signal }));
    if (page.items.length === 0) return events;
    events.push(...page.items);
  }
}
