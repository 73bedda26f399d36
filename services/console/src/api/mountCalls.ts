/** The calls of the API about the datasets that are mounted in an instance. */
import { once } from "./calls";
import { client, unwrap } from "./client";
import type { MountCreate } from "./models";
import { everyItem, LONGEST } from "./pages";

export const mountCalls = {
  mounts: (instance: string, signal: AbortSignal) =>
    everyItem((cursor) => {
      const params = { path: { instance_id: instance }, query: { limit: LONGEST, cursor } };
      return unwrap(client.GET("/instances/{instance_id}/mounts", { params, signal }));
    }),
  mount: (instance: string, body: MountCreate, key: string) => {
    const params = { path: { instance_id: instance }, ...once(key) };
    return unwrap(client.POST("/instances/{instance_id}/mounts", { params, body }));
  },
  unmount: (instance: string, id: string, force: boolean) => {
    const params = { path: { instance_id: instance, mount_id: id }, query: { force } };
    return unwrap(client.DELETE("/instances/{instance_id}/mounts/{mount_id}", { params }));
  },
};
