/** The calls of the API about images as files: those that leave the catalog, and those that come. */
import { apiUrl } from "./base";
import { once } from "./calls";
import { client, sendSlowly, unwrap } from "./client";
import type { ImageImport, Transfer } from "./models";
import { everyItem, LONGEST } from "./pages";

const of = (id: string) => ({ params: { path: { transfer_id: id } } });

export const transferCalls = {
  transfers: (signal: AbortSignal) =>
    everyItem((cursor) =>
      unwrap(client.GET("/images/transfers", { params: { query: { limit: LONGEST, cursor } }, signal })),
    ),
  transfer: (id: string) => unwrap(client.GET("/images/transfers/{transfer_id}", of(id))),
  exportImage: (id: string, key: string) => {
    const params = { path: { image_id: id }, ...once(key) };
    return unwrap(client.POST("/images/{image_id}/export", { params }));
  },
  importImage: (body: ImageImport, key: string) =>
    unwrap(client.POST("/images/import", { params: once(key), body })),
  /** Send a piece of an import's file, which begins at `offset` of it. */
  sendPiece: (id: string, offset: number, piece: Blob): Promise<Transfer> =>
    unwrap(
      client.PUT("/images/transfers/{transfer_id}/content", {
        params: { path: { transfer_id: id }, query: { offset } },
        body: piece as never,
        bodySerializer: (content: unknown) => content as Blob,
        headers: { "Content-Type": "application/octet-stream" },
        fetch: sendSlowly,
      }),
    ),
  end: (id: string) => unwrap(client.DELETE("/images/transfers/{transfer_id}", of(id))),
};

/** Address of an export's file. */
export const archiveUrl = (id: string): string => apiUrl(`images/transfers/${encodeURIComponent(id)}/content`);
