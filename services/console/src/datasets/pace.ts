/** How fast bytes come over, and how long the rest takes. Pure. */
import { formatBytes, formatDuration, formatProgress } from "../common/format";

/** Where a run of sending began: what was there before says nothing about the pace. */
export interface Start {
  at: number;
  bytes: number;
}

const SETTLED_MS = 1_000;

/** `12 MiB of 40 MiB · 3.2 MiB/s · 9 s left`; the pace once there is one. */
export function paceText(done: number, size: number, start: Start | undefined, now: number): string {
  const text = formatProgress(done, size);
  const passed = start ? now - start.at : 0;
  const sent = start ? done - start.bytes : 0;
  if (passed < SETTLED_MS || sent <= 0) return text;
  const rate = (1000 * sent) / passed;
  return `${text} · ${formatBytes(rate)}/s · ${formatDuration((1000 * (size - done)) / rate)} left`;
}
