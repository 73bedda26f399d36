/** What the console holds of datasets and mounts; nothing tells of changes, so it is read again. */
import { useQuery, type UseQueryResult } from "@tanstack/react-query";

import { datasetCalls } from "./datasetCalls";
import type { Dataset, DatasetCache, Mount, StorageClass, Upload } from "./models";
import { mountCalls } from "./mountCalls";

const SOON_MS = 1_500;
const OFTEN_MS = 5_000;
const LOOK_MS = 15_000;

export const useDatasets = (workspace: string | undefined, enabled = true): UseQueryResult<Dataset[]> =>
  useQuery({
    queryKey: ["datasets", workspace ?? ""],
    queryFn: ({ signal }) => datasetCalls.datasets(workspace, signal),
    refetchInterval: LOOK_MS,
    enabled,
  });

/** With its versions, which the list need not have. */
export const useDataset = (id: string): UseQueryResult<Dataset> =>
  useQuery({
    queryKey: ["dataset", id],
    queryFn: ({ signal }) => datasetCalls.dataset(id, signal),
    refetchInterval: LOOK_MS,
  });

export const useStorageClasses = (workspace: string): UseQueryResult<StorageClass[]> =>
  useQuery({
    queryKey: ["storageClasses", workspace],
    queryFn: ({ signal }) => datasetCalls.storageClasses(workspace, signal),
    enabled: workspace !== "",
  });

/** The user's own uploads that are not at their end. */
export const useServerUploads = (): UseQueryResult<Upload[]> =>
  useQuery({
    queryKey: ["uploads"],
    queryFn: ({ signal }) => datasetCalls.uploads(signal),
    refetchInterval: LOOK_MS,
  });

export const useDatasetCache = (id: string): UseQueryResult<DatasetCache> =>
  useQuery({
    queryKey: ["cache", id],
    queryFn: ({ signal }) => datasetCalls.cache(id, signal),
    refetchInterval: OFTEN_MS,
  });

export const useMounts = (instance: string, enabled = true): UseQueryResult<Mount[]> =>
  useQuery({
    queryKey: ["mounts", instance],
    queryFn: ({ signal }) => mountCalls.mounts(instance, signal),
    refetchInterval: ({ state }) => (state.data?.some(isMoving) ? SOON_MS : OFTEN_MS),
    enabled,
  });

export const isMoving = ({ state }: Pick<Mount, "state">): boolean =>
  state === "Mounting" || state === "Unmounting";
