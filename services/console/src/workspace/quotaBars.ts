/** How much of a quota is used, in figures and words. Pure. */
import type { Limits, QuotaView, ResourceGroup } from "../api/models";
import { formatBytes } from "../common/format";

export interface Bar {
  key: string;
  label: string;
  text: string;
  /** Part that is used, 0 to 1; undefined where nothing limits it. */
  part: number | undefined;
}

const GPU = "gpu:";
export const ALL_GPUS = "*";

/** What is counted: GPUs of all types first, then by type. */
export function labelOf(resource: string): string {
  if (resource === "instances") return "Running instances";
  if (resource === "cpu") return "CPU";
  if (resource === "memory") return "Memory";
  if (resource === "storage") return "Storage";
  const type = resource.slice(GPU.length);
  return type === ALL_GPUS ? "GPUs of all types" : `GPU ${type}`;
}

export function amountText(resource: string, amount: number): string {
  if (resource === "memory" || resource === "storage") return formatBytes(amount);
  return String(Number(amount.toFixed(2)));
}

export function limitOf(limits: Limits, resource: string): number | undefined {
  if (resource === "instances" || resource === "cpu" || resource === "memory") {
    return limits[resource] ?? undefined;
  }
  return limits.gpus?.[resource.slice(GPU.length)];
}

/** The types of GPU that a group has or a quota names, `*` left out. */
export function gpuTypes(view: QuotaView, group: ResourceGroup | undefined): string[] {
  const { limits, per_member, members, per_role, per_band } = view.quota;
  const named = [limits, per_member, ...[members, per_role, per_band].flatMap((caps) => Object.values(caps ?? {}))];
  const types = new Set([
    ...(group?.gpus ?? []).map(({ type }) => type),
    ...named.flatMap((one) => Object.keys(one?.gpus ?? {})),
    ...Object.keys(view.used).filter((key) => key.startsWith(GPU)).map((key) => key.slice(GPU.length)),
  ]);
  types.delete(ALL_GPUS);
  return [...types].sort();
}

/** One bar for each resource that is limited, used, or there to be used. */
export function barsOf(view: QuotaView, group: ResourceGroup | undefined): Bar[] {
  const { quota, used, storage_used } = view;
  const limits = quota.limits ?? {};
  const types = gpuTypes(view, group);
  const gpus = types.length || limitOf(limits, `${GPU}${ALL_GPUS}`) !== undefined ? [ALL_GPUS, ...types] : [];
  const resources = ["instances", "cpu", "memory", ...gpus.map((type) => `${GPU}${type}`)];
  const bars = resources.map((resource) =>
    barOf(resource, used[resource] ?? 0, limitOf(limits, resource), group?.allowed[resource]),
  );
  if (quota.storage != null || storage_used != null) {
    bars.push(barOf("storage", storage_used ?? undefined, quota.storage ?? undefined, undefined));
  }
  // With one type only, the bar of all types would say the same twice.
  const same = types.length === 1 && limitOf(limits, `${GPU}${ALL_GPUS}`) === undefined;
  return same ? bars.filter(({ key }) => key !== `${GPU}${ALL_GPUS}`) : bars;
}

function barOf(
  resource: string,
  used: number | undefined,
  limit: number | undefined,
  there: number | undefined,
): Bar {
  const known = used === undefined ? "not measured yet" : amountText(resource, used);
  const whole = limit ?? there;
  const text =
    whole === undefined
      ? `${known}, no limit`
      : `${known}${used === undefined ? ", at most" : " of"} ${amountText(resource, whole)}${limit === undefined ? " in the group" : ""}`;
  const part = whole === undefined || used === undefined ? undefined : whole === 0 ? 1 : used / whole;
  return { key: resource, label: labelOf(resource), text, part };
}

/** `at most 2 running instances, 8 CPU, 32 GiB, 1 A100`; `no limit` for none. */
export function limitsText(limits: Limits | undefined): string {
  const { instances, cpu, memory, gpus } = limits ?? {};
  const parts = [
    instances != null && `${instances} running instance${instances === 1 ? "" : "s"}`,
    cpu != null && `${amountText("cpu", cpu)} CPU`,
    memory != null && `${formatBytes(memory)} memory`,
    ...Object.entries(gpus ?? {}).map(([type, count]) => `${count} ${type === ALL_GPUS ? "GPU" : type}`),
  ].filter(Boolean);
  return parts.length ? `at most ${parts.join(", ")}` : "no limit";
}
