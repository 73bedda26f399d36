/** The calls of the API about images, code sources and credentials. */
import { apiUrl } from "./base";
import { once } from "./calls";
import { client, unwrap } from "./client";
import type { CodeSourceCreate, CredentialCreate, ImageAdd, ImageChange, ImageRestore } from "./models";
import { everyItem, LONGEST, type Cursor } from "./pages";

const ofImage = (id: string) => ({ params: { path: { image_id: id } } });

export const assetCalls = {
  /** What instances of a workspace may start from; without one, what is of use in any of them. */
  images: (workspace: string | undefined, signal: AbortSignal) =>
    everyItem((cursor) => {
      const query = { workspace: workspace ?? null, limit: LONGEST, cursor };
      return unwrap(client.GET("/images", { params: { query }, signal }));
    }),
  image: (id: string, signal: AbortSignal) =>
    unwrap(client.GET("/images/{image_id}", { ...ofImage(id), signal })),
  family: (id: string, signal: AbortSignal) =>
    everyItem((cursor) => {
      const params = { path: { image_id: id }, query: { limit: LONGEST, cursor } };
      return unwrap(client.GET("/images/{image_id}/lineage", { params, signal }));
    }),
  imageUsage: (id: string, signal: AbortSignal) =>
    unwrap(client.GET("/images/{image_id}/usage", { ...ofImage(id), signal })),
  imageReport: (id: string, signal: AbortSignal) =>
    unwrap(client.GET("/images/{image_id}/report", { ...ofImage(id), signal })),
  restoreImage: (id: string, body: ImageRestore, key: string) => {
    const params = { path: { image_id: id }, ...once(key) };
    return unwrap(client.POST("/images/{image_id}/restore", { params, body }));
  },
  addImage: (body: ImageAdd, key: string) =>
    unwrap(client.POST("/images", { params: once(key), body })),
  changeImage: (id: string, body: ImageChange) =>
    unwrap(client.PATCH("/images/{image_id}", { ...ofImage(id), body })),
  checkImage: (id: string) => unwrap(client.POST("/images/{image_id}/check", ofImage(id))),
  deleteImage: (id: string) =>
    unwrap(client.DELETE("/images/{image_id}", ofImage(id))).then(() => undefined),

  codeSources: (workspace: string, cursor: Cursor, signal: AbortSignal) =>
    unwrap(client.GET("/code-sources", { params: { query: { workspace, cursor } }, signal })),
  createCodeSource: (body: CodeSourceCreate, key: string) =>
    unwrap(client.POST("/code-sources", { params: once(key), body })),
  deleteCodeSource: (id: string) =>
    unwrap(client.DELETE("/code-sources/{code_source_id}", { params: { path: { code_source_id: id } } })),

  credentials: (workspace: string, cursor: Cursor, signal: AbortSignal) =>
    unwrap(client.GET("/credentials", { params: { query: { workspace, cursor } }, signal })),
  createCredential: (body: CredentialCreate, key: string) =>
    unwrap(client.POST("/credentials", { params: once(key), body })),
  deleteCredential: (id: string) =>
    unwrap(client.DELETE("/credentials/{credential_id}", { params: { path: { credential_id: id } } })),
};

/** Address of what is installed in a saved image, as a CycloneDX document. */
export const sbomUrl = (id: string): string => apiUrl(`images/${encodeURIComponent(id)}/sbom`);
