/** What the words of a dataset and its mounts mean on the screen. Pure. */
import type { Dataset, DatasetCheck, DatasetUse, Mount, Visibility, Warming } from "../api/models";
import { formatBytes, formatProgress } from "../common/format";
import type { Tone } from "../instances/states";

export const KINDS: Record<string, string> = {
  file: "Folder",
  nas: "NAS",
  s3: "S3",
  oss: "OSS",
  pvc: "Volume claim",
  git: "Git",
};

export const kindText = (kind: string): string => KINDS[kind] ?? kind;

/** One without an address is a folder that control made for it. */
export const isManaged = ({ uri }: Pick<Dataset, "uri">): boolean => uri === "";

export const whereText = (dataset: Pick<Dataset, "kind" | "uri">): string =>
  isManaged(dataset) ? "A folder of its own" : kindText(dataset.kind);

export const VISIBILITIES: Record<Visibility, { label: string; text: string }> = {
  private: { label: "Private", text: "Only who registered it and the admins of the workspace see it." },
  workspace: { label: "Workspace", text: "All members of the workspace see it and can mount it." },
  public: { label: "Public", text: "Everybody on this workbench sees it and can mount it." },
};

export const ACCESS = { ro: "Read only", rw: "Read and write" } as const;

/** Whether its data could be reached, as a word with a colour. */
export function checkLook({ reachable, at }: DatasetCheck): { label: string; tone: Tone } {
  if (reachable == null) return { label: at ? "Not known" : "Not tried yet", tone: "idle" };
  return reachable ? { label: "Reachable", tone: "good" } : { label: "Not reachable", tone: "bad" };
}

/** Object stores are read through a cache on the node; the others are where they are. */
export const hasCache = ({ kind }: Pick<Dataset, "kind">): boolean => kind === "s3" || kind === "oss";

export const labelsText = ({ labels }: Pick<Dataset, "labels">): string =>
  Object.entries(labels ?? {})
    .map(([name, value]) => (value ? `${name}: ${value}` : name))
    .join(" · ");

const NAMED = 10;

/** Who uses a dataset, in a sentence. */
export function usersText({ instances, others = 0 }: DatasetUse): string {
  const named = instances.slice(0, NAMED);
  const rest = instances.length - named.length + others;
  if (named.length === 0 && rest === 0) return "No instance uses it.";
  if (named.length === 0) return `${rest} instance${rest === 1 ? " uses" : "s use"} it that you may not know.`;
  return `${named.join(", ")}${rest ? ` and ${rest} more` : ""}.`;
}

/** `93.4 %` of what was read came from the cache; nothing was read yet: a dash. */
export const rateText = (rate: number | null | undefined): string =>
  rate == null ? "–" : `${(100 * rate).toFixed(1)} %`;

export const hasWarmed = ({ state }: Pick<Warming, "state">): boolean =>
  state === "Done" || state === "Failed" || state === "Cancelled";

/** `2 of 5 files, 1 MiB of 4 MiB`, as far as it is known. */
export function warmText({ files_done, files_total, bytes_done, bytes_total }: Warming): string {
  const files = files_total ? `${files_done ?? 0} of ${files_total} files` : `${files_done ?? 0} files`;
  return `${files}, ${bytes_total ? formatProgress(bytes_done ?? 0, bytes_total) : formatBytes(bytes_done ?? 0)}`;
}

const MOUNT_TONES: Record<Mount["state"], Tone> = {
  Mounting: "busy",
  Mounted: "good",
  Degraded: "warn",
  Unmounting: "busy",
  Unmounted: "idle",
  Failed: "bad",
};

export const mountTone = ({ state }: Pick<Mount, "state">): Tone => MOUNT_TONES[state];

export const isBusy = ({ reason }: Pick<Mount, "reason">): boolean => reason === "Busy";

/** `python (12), bash (40)`: the processes that use a mount. */
export const holdersText = ({ holders }: Pick<Mount, "holders">): string =>
  (holders ?? []).map(({ pid, command }) => `${command} (${pid})`).join(", ") || "processes in the instance";
