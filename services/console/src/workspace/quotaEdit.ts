/** A quota as rows that can be edited: whose limit each is, who may change it, and how. Pure. */
import type { Limits, Quota } from "../api/models";
import { ALL_GPUS } from "./quotaBars";

type Caps = "members" | "per_role" | "per_band";

export type RowKey = "limits" | "per_member" | `${Caps}/${string}`;

export interface Row {
  key: RowKey;
  title: string;
  limits: Limits;
  /** Given by platform administrators, while the others divide what was given. */
  given: boolean;
  removable: boolean;
}

const BANDS: Record<string, string> = {
  low: "low (1 to 3)",
  normal: "normal (4 to 6)",
  high: "high (7 to 9)",
};

const TITLES: Record<Caps, (name: string) => string> = {
  members: (name) => `Member ${name}`,
  per_role: (name) => `Each ${name}`,
  per_band: (name) => `Priority ${BANDS[name] ?? name}`,
};

export const BAND_NAMES = Object.keys(BANDS);
export const titleOf = (kind: Caps, name: string): string => TITLES[kind](name);

export function rowsOf(quota: Quota): Row[] {
  const caps = (["members", "per_role", "per_band"] as const).flatMap((kind) =>
    Object.entries(quota[kind] ?? {}).map(([name, limits]) => ({
      key: `${kind}/${name}` as RowKey,
      title: titleOf(kind, name),
      limits,
      given: kind === "per_band",
      removable: true,
    })),
  );
  return [
    { key: "limits", title: "The whole workspace", limits: quota.limits ?? {}, given: true, removable: false },
    { key: "per_member", title: "Each member", limits: quota.per_member ?? {}, given: false, removable: false },
    ...caps,
  ];
}

/** The quota with other limits in one row, which appears if it was not there. */
export function withLimits(quota: Quota, key: RowKey, limits: Limits): Quota {
  if (key === "limits" || key === "per_member") return { ...quota, [key]: limits };
  const [kind, name] = split(key);
  return { ...quota, [kind]: { ...quota[kind], [name]: limits } };
}

export function withoutRow(quota: Quota, key: RowKey): Quota {
  if (key === "limits" || key === "per_member") return quota;
  const [kind, name] = split(key);
  const { [name]: _, ...rest } = quota[kind] ?? {};
  return { ...quota, [kind]: rest };
}

/** Names may have a slash in them; kinds have none. */
function split(key: `${Caps}/${string}`): [Caps, string] {
  const at = key.indexOf("/");
  return [key.slice(0, at) as Caps, key.slice(at + 1)];
}

export type Field = "instances" | "cpu" | "memory" | `gpu:${string}`;

export const GIB = 1024 ** 3;

/** The columns of the table, memory in GiB. */
export const fieldsOf = (gpuTypes: readonly string[]): { field: Field; title: string; whole: boolean }[] => [
  { field: "instances", title: "Instances", whole: true },
  { field: "cpu", title: "CPU", whole: false },
  { field: "memory", title: "Memory, GiB", whole: false },
  { field: `gpu:${ALL_GPUS}`, title: "GPUs", whole: true },
  ...gpuTypes.map((type) => ({ field: `gpu:${type}` as Field, title: type, whole: true })),
];

/** The number to show in a cell; null where there is no limit. */
export function valueOf(limits: Limits, field: Field): number | null {
  if (field === "memory") return limits.memory == null ? null : Number((limits.memory / GIB).toFixed(3));
  if (field === "instances" || field === "cpu") return limits[field] ?? null;
  return limits.gpus?.[field.slice("gpu:".length)] ?? null;
}

/** The limits with another number in a cell; null takes the limit away. */
export function withValue(limits: Limits, field: Field, value: number | null): Limits {
  if (field === "memory") return { ...limits, memory: value === null ? null : Math.round(value * GIB) };
  if (field === "instances" || field === "cpu") return { ...limits, [field]: value };
  const { [field.slice("gpu:".length)]: _, ...others } = limits.gpus ?? {};
  return { ...limits, gpus: value === null ? others : { ...others, [field.slice("gpu:".length)]: value } };
}
