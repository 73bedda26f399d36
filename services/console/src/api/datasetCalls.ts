/** The calls of the API about datasets, their files, and what nodes keep of them. */
import { apiUrl } from "./base";
import { once } from "./calls";
import { client, sendSlowly, unwrap } from "./client";
import type { DatasetChange, DatasetCreate, Upload, UploadCreate, VersionCreate, WarmAsk } from "./models";
import { everyItem, LONGEST, type Cursor } from "./pages";

const of = (id: string) => ({ params: { path: { dataset_id: id } } });
const ofUpload = (id: string) => ({ params: { path: { upload_id: id } } });
const ofWarming = (id: string) => ({ params: { path: { warming_id: id } } });

export const datasetCalls = {
  storageClasses: (workspace: string, signal: AbortSignal) =>
    everyItem((cursor) => {
      const query = { workspace, limit: LONGEST, cursor };
      return unwrap(client.GET("/storage-classes", { params: { query }, signal }));
    }),

  /** Datasets of a workspace and those that everybody sees; without one, all that the user may see. */
  datasets: (workspace: string | undefined, signal: AbortSignal) =>
    everyItem((cursor) => {
      const query = { workspace: workspace ?? null, limit: LONGEST, cursor };
      return unwrap(client.GET("/datasets", { params: { query }, signal }));
    }),
  dataset: (id: string, signal: AbortSignal) =>
    unwrap(client.GET("/datasets/{dataset_id}", { ...of(id), signal })),
  create: (body: DatasetCreate, key: string) =>
    unwrap(client.POST("/datasets", { params: once(key), body })),
  change: (id: string, body: DatasetChange) =>
    unwrap(client.PATCH("/datasets/{dataset_id}", { ...of(id), body })),
  retire: (id: string) =>
    unwrap(client.DELETE("/datasets/{dataset_id}", of(id))).then(() => undefined),
  addVersion: (id: string, body: VersionCreate, key: string) => {
    const params = { path: { dataset_id: id }, ...once(key) };
    return unwrap(client.POST("/datasets/{dataset_id}/versions", { params, body }));
  },
  check: (id: string) => unwrap(client.POST("/datasets/{dataset_id}/check", of(id))),
  usage: (id: string, signal: AbortSignal) =>
    unwrap(client.GET("/datasets/{dataset_id}/usage", { ...of(id), signal })),

  files: (id: string, version: number, path: string, cursor: Cursor, signal: AbortSignal) => {
    const params = { path: { dataset_id: id }, query: { path, version, cursor } };
    return unwrap(client.GET("/datasets/{dataset_id}/files", { params, signal }));
  },
  preview: (id: string, version: number, path: string, signal: AbortSignal) => {
    const params = { path: { dataset_id: id }, query: { path, version } };
    return unwrap(client.GET("/datasets/{dataset_id}/preview", { params, signal }));
  },
  deleteFile: (id: string, path: string) => {
    const params = { path: { dataset_id: id }, query: { path } };
    return unwrap(client.DELETE("/datasets/{dataset_id}/files", { params }));
  },

  uploads: (signal: AbortSignal) =>
    everyItem((cursor) =>
      unwrap(client.GET("/datasets/uploads", { params: { query: { limit: LONGEST, cursor } }, signal })),
    ),
  upload: (id: string) => unwrap(client.GET("/datasets/uploads/{upload_id}", ofUpload(id))),
  createUpload: (id: string, body: UploadCreate, key: string) => {
    const params = { path: { dataset_id: id }, ...once(key) };
    return unwrap(client.POST("/datasets/{dataset_id}/uploads", { params, body }));
  },
  /** Send a piece of a file, which begins at `offset` of it. */
  sendPiece: (id: string, offset: number, piece: Blob, signal: AbortSignal): Promise<Upload> =>
    unwrap(
      client.PUT("/datasets/uploads/{upload_id}/content", {
        params: { path: { upload_id: id }, query: { offset } },
        body: piece as never,
        bodySerializer: (content: unknown) => content as Blob,
        headers: { "Content-Type": "application/octet-stream" },
        fetch: sendSlowly,
        signal,
      }),
    ),
  cancelUpload: (id: string) =>
    unwrap(client.DELETE("/datasets/uploads/{upload_id}", ofUpload(id))).then(() => undefined),

  cache: (id: string, signal: AbortSignal) =>
    unwrap(client.GET("/datasets/{dataset_id}/cache", { ...of(id), signal })),
  warmings: (id: string, cursor: Cursor, signal: AbortSignal) => {
    const params = { path: { dataset_id: id }, query: { cursor } };
    return unwrap(client.GET("/datasets/{dataset_id}/warmings", { params, signal }));
  },
  warm: (id: string, body: WarmAsk, key: string) => {
    const params = { path: { dataset_id: id }, ...once(key) };
    return unwrap(client.POST("/datasets/{dataset_id}/warmings", { params, body }));
  },
  cancelWarming: (id: string) =>
    unwrap(client.DELETE("/datasets/warmings/{warming_id}", ofWarming(id))).then(() => undefined),
};

/** Address of a file's bytes; `inline` shows it in the page, which control allows for pictures only. */
export function contentUrl(id: string, version: number, path: string, inline = false): string {
  const asked = new URLSearchParams({ path, version: String(version), ...(inline ? { inline: "true" } : {}) });
  return apiUrl(`datasets/${encodeURIComponent(id)}/content?${asked}`);
}
