/** Sizes, times and specs as people read them. */
import type { Spec } from "../api/models";

const UNITS = ["B", "KiB", "MiB", "GiB", "TiB"] as const;
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** `1.5 GiB`: powers of 1,024, one decimal at most; the same text as everywhere in the workbench. */
export function formatBytes(bytes: number): string {
  let size = bytes;
  for (const unit of UNITS) {
    if (Math.abs(size) < 1024) return `${Number.isInteger(size) ? size : size.toFixed(1)} ${unit}`;
    size /= 1024;
  }
  return `${size.toFixed(1)} PiB`;
}

export function formatProgress(done: number, total: number | null | undefined): string {
  if (!total) return formatBytes(done);
  return `${formatBytes(done)} of ${formatBytes(total)}`;
}

/** Whole per cent of a part, between 0 and 100; undefined where the whole is not known. */
export function percentOf(done: number, total: number | null | undefined): number | undefined {
  if (!total) return undefined;
  return Math.max(0, Math.min(100, Math.floor((100 * done) / total)));
}

/** `just now`, `12 min ago`, `3 h ago`, `5 days ago`. A clock that is behind reads `just now`. */
export function formatAgo(at: string, now: number): string {
  const age = now - Date.parse(at);
  if (age < MINUTE) return "just now";
  if (age < HOUR) return `${Math.floor(age / MINUTE)} min ago`;
  if (age < DAY) return `${Math.floor(age / HOUR)} h ago`;
  const days = Math.floor(age / DAY);
  return days === 1 ? "yesterday" : `${days} days ago`;
}

/** `42 s`, `3 min 5 s`, `2 h 14 min`. */
export function formatDuration(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${seconds % 60} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

const DATE = new Intl.DateTimeFormat(undefined, { dateStyle: "medium" });
const DATE_TIME = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
const TIME = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });
const DAY_TIME = new Intl.DateTimeFormat(undefined, {
  month: "short",
  day: "numeric",
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
});

export const formatDate = (at: string): string => DATE.format(new Date(at));

export const formatDateTime = (at: string): string => DATE_TIME.format(new Date(at));

/** The time alone for what happened today, with the day otherwise. */
export function formatEventTime(at: string, now: number): string {
  const date = new Date(at);
  const today = date.toDateString() === new Date(now).toDateString();
  return (today ? TIME : DAY_TIME).format(date);
}

/** `2 CPU · 4 GiB` and the GPUs, if any. */
export function formatSpec(spec: Spec): string {
  const parts = [`${spec.cpu} CPU`, formatBytes(spec.memory)];
  if (spec.gpu) parts.push(formatGpu(spec));
  return parts.join(" · ");
}

export const formatGpu = (spec: Spec): string => `${spec.gpu} × ${spec.gpu_type || "GPU"}`;
