/** The datasets that an instance is to have from its start, as a form holds them. Pure. */
import type { Dataset, DataAccess, Mount, StaticMount } from "../api/models";

export interface DatasetWish {
  dataset: string;
  /** 0: the newest at each start. */
  version: number;
  /** Empty: the dataset's own. */
  path: string;
  access: DataAccess;
}

export const newWish = (dataset: string): DatasetWish => ({ dataset, version: 0, path: "", access: "ro" });

/** What the API takes of them; rows without a dataset are left out. */
export const staticMounts = (wishes: readonly DatasetWish[]): StaticMount[] =>
  wishes
    .filter(({ dataset }) => dataset)
    .map(({ dataset, version, path, access }) => ({
      dataset,
      version: version || null,
      path: path.trim() || null,
      access,
    }));

/** The static mounts that an instance has now, as wishes. */
export function wishesOfMounts(mounts: readonly Mount[], datasets: readonly Dataset[]): DatasetWish[] {
  return mounts
    .filter(({ kind }) => kind === "static")
    .map(({ dataset_id, version, target, access }) => {
      const found = datasets.find(({ id }) => id === dataset_id);
      return {
        dataset: dataset_id,
        version: found && version === found.version ? 0 : version,
        path: target === found?.mount_path ? "" : target,
        access,
      };
    });
}

/** Where each of them would be. */
const pathOf = (wish: DatasetWish, datasets: readonly Dataset[]): string =>
  wish.path.trim() || (datasets.find(({ id }) => id === wish.dataset)?.mount_path ?? "");

/** What is wrong with them before control looks; nothing when nothing is. */
export function wishesProblem(wishes: readonly DatasetWish[], datasets: readonly Dataset[]): string | undefined {
  const paths = wishes.map((wish) => pathOf(wish, datasets)).filter(Boolean);
  const twice = paths.find((path, index) => paths.indexOf(path) !== index);
  return twice && `Two datasets cannot both be at ${twice}. Give one of them another path.`;
}

/** The datasets that instances of a workspace can mount. */
export const mountable = (datasets: readonly Dataset[]): Dataset[] =>
  datasets.filter(({ retired_at }) => retired_at == null);
