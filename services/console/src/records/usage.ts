/** A report of use: its window of time, its figures, and how long its bars are. Pure. */
import type { UsageBy, UsageLine } from "../api/models";

export type Measure = "hours" | "cpu_hours" | "memory_gib_hours" | "gpu_hours";

export const MEASURES: Record<Measure, string> = {
  hours: "Hours",
  cpu_hours: "CPU-hours",
  memory_gib_hours: "GiB-hours",
  gpu_hours: "GPU-hours",
};

export const BY: Record<UsageBy, string> = {
  user: "User",
  workspace: "Workspace",
  resource_group: "Resource group",
  day: "Day (UTC)",
};

/** `2026-03-01`, in UTC, as the reports count days. */
export const dayOf = (moment: number): string => new Date(moment).toISOString().slice(0, 10);

export const firstOfMonth = (now: number): string => `${dayOf(now).slice(0, 7)}-01`;

/** From the begin of one day to the end of another, as the API wants it; an empty day is its default. */
export function windowOf(first: string, last: string): { since: string | null; until: string | null } {
  return {
    since: first ? `${first}T00:00:00Z` : null,
    until: last ? new Date(Date.parse(`${last}T00:00:00Z`) + 86_400_000).toISOString() : null,
  };
}

/** What the bars show at first: GPU-hours where there are any. */
export const usualMeasure = (lines: readonly UsageLine[]): Measure =>
  lines.some((line) => line.gpu_hours > 0) ? "gpu_hours" : "cpu_hours";

/** Length of a line's bar, 0 to 1, the longest being 1. */
export function partOf(line: UsageLine, lines: readonly UsageLine[], measure: Measure): number {
  const most = Math.max(...lines.map((other) => other[measure]));
  return most > 0 ? line[measure] / most : 0;
}

const NUMBER = new Intl.NumberFormat(undefined, { maximumFractionDigits: 2 });

/** `0.01` at least for what is not nothing. */
export const formatHours = (hours: number): string =>
  hours > 0 && hours < 0.01 ? "< 0.01" : NUMBER.format(hours);

export function total(lines: readonly UsageLine[]): Record<Measure | "runs", number> {
  const sum = { runs: 0, hours: 0, cpu_hours: 0, memory_gib_hours: 0, gpu_hours: 0 };
  for (const line of lines) {
    for (const key of Object.keys(sum) as (keyof typeof sum)[]) sum[key] += line[key];
  }
  return sum;
}
