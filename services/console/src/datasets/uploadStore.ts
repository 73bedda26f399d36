/** The one queue of uploads of this page, tied to the API and to what react-query holds. */
import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useSyncExternalStore } from "react";

import { datasetCalls } from "../api/datasetCalls";
import { newKey } from "../common/useOnceKey";
import { UploadQueue, type Sending } from "./uploads";

const PAUSE_MS = 1_000;

const stored = new Set<(dataset: string) => void>();
const never = new AbortController().signal;

export const uploadQueue = new UploadQueue(
  {
    uploads: () => datasetCalls.uploads(never),
    create: datasetCalls.createUpload,
    send: ({ id, bytes_done }, piece, signal) => datasetCalls.sendPiece(id, bytes_done, piece, signal),
    look: ({ id }) => datasetCalls.upload(id),
    cancel: ({ id }) => datasetCalls.cancelUpload(id),
    pause: () => new Promise((resolve) => setTimeout(resolve, PAUSE_MS)),
    now: Date.now,
    newKey,
  },
  (dataset) => stored.forEach((tell) => tell(dataset)),
);

/** The uploads of this page; the lists of files follow what was stored. */
export function useUploads(): readonly Sending[] {
  const queries = useQueryClient();
  useEffect(() => {
    const tell = (dataset: string) => {
      void queries.invalidateQueries({ queryKey: ["files", dataset] });
      void queries.invalidateQueries({ queryKey: ["preview", dataset] });
      void queries.invalidateQueries({ queryKey: ["uploads"] });
    };
    stored.add(tell);
    return () => void stored.delete(tell);
  }, [queries]);
  return useSyncExternalStore(uploadQueue.subscribe, uploadQueue.list);
}
