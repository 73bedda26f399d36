/** What each state of a snapshot means on the screen. */
import type { Snapshot, SnapshotState } from "../api/models";
import { formatBytes, formatDuration, formatProgress, percentOf } from "../common/format";
import type { Tone } from "../instances/states";

const LOOKS: Record<SnapshotState, { label: string; tone: Tone }> = {
  Preparing: { label: "Preparing", tone: "busy" },
  Copying: { label: "Copying", tone: "busy" },
  Freezing: { label: "Paused for a moment", tone: "busy" },
  Pushing: { label: "Storing the image", tone: "busy" },
  Saved: { label: "Saved", tone: "good" },
  Failed: { label: "Failed", tone: "bad" },
  Cancelled: { label: "Cancelled", tone: "idle" },
};

export const snapshotLook = (state: string): { label: string; tone: Tone } =>
  (LOOKS as Partial<Record<string, { label: string; tone: Tone }>>)[state] ?? {
    label: state,
    tone: "idle",
  };

export const hasEnded = ({ state }: Pick<Snapshot, "state">): boolean =>
  state === "Saved" || state === "Failed" || state === "Cancelled";

/** The snapshot that is under way for an instance, if any. */
export const activeOf = (snapshots: readonly Snapshot[], instanceId: string) =>
  snapshots.find((item) => item.instance_id === instanceId && !hasEnded(item));

/** How far it is: whole per cent where the total is known; bytes, rate and time left as text. */
export function progressOf(snapshot: Snapshot): { percent: number | undefined; text: string } {
  const { state, bytes_done: done, bytes_total: total, rate, seconds_left: left } = snapshot;
  if (state === "Saved") return { percent: 100, text: joined(formatProgress(done, null), pauseText(snapshot)) };
  if (!done && !total) return { percent: undefined, text: "" };
  const text = joined(
    formatProgress(done, total),
    rate ? `${formatBytes(rate)}/s` : "",
    left == null ? "" : `${formatDuration(1000 * left)} left`,
  );
  return { percent: percentOf(done, total), text };
}

/** How long the instance stood still for it; nothing where it did not. */
const pauseText = ({ frozen_ms: ms }: Snapshot): string => (ms ? `paused for ${(ms / 1000).toFixed(2)} s` : "");

const joined = (...parts: string[]): string => parts.filter(Boolean).join(" · ");
