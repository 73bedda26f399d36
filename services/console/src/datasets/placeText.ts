/** The places that a new dataset can be at, as the form offers them. Pure. */
import type { StorageClass } from "../api/models";
import type { DatasetText } from "./DatasetFields";
import { kindText } from "./words";

/** No address: control makes a folder on the workspace's own storage. */
export const FOLDER = "\nfolder";
/** What everybody in the workspace shares. */
export const SHARED = "\nshared";
export const GIT = "\ngit";

export function placeOptions(classes: readonly StorageClass[]) {
  return [
    { value: FOLDER, label: "A new folder on the workspace's storage" },
    { value: SHARED, label: "In the workspace's shared folder" },
    ...classes.map(({ name, kind, description }) => ({
      value: name,
      label: `${description || name} (${kindText(kind === "host" ? "file" : kind === "nfs" ? "nas" : kind)})`,
    })),
    { value: GIT, label: "A git repository" },
  ];
}

export function uriPlaceholder(place: string, storage: StorageClass | undefined): string {
  if (place === GIT) return "git+https://git.example.org/team/data@main";
  if (place === SHARED) return "file:///mnt/shared/folder";
  return storage?.example ?? "";
}

export function uriHelp(place: string, storage: StorageClass | undefined): string {
  const like = `Such as ${uriPlaceholder(place, storage)}`;
  if (place === GIT) return `${like}; behind @ a branch, tag or commit.`;
  return storage && !storage.writable ? `${like}. It can only be read there.` : `${like}.`;
}

export const isStore = (storage: Pick<StorageClass, "kind"> | undefined): boolean =>
  storage?.kind === "s3" || storage?.kind === "oss";

/** What a new dataset at this place usually is: a folder of one's own is there to be filled. */
export const usualText = (place: string, storage?: StorageClass): DatasetText => ({
  description: "",
  labels: "",
  access: place === FOLDER || (place === SHARED && !storage) ? "rw" : "ro",
  writeRoles: ["owner", "admin"],
  mountPath: "",
  visibility: "private",
});
