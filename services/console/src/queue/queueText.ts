/** What waiting in the queue means, in words. Pure. */
import type { QueuePlace } from "../api/models";

const MINUTE = 60;
const HOUR = 60 * MINUTE;

type Place = Pick<QueuePlace, "ahead" | "waiting_for"> & Partial<Pick<QueuePlace, "estimate_seconds">>;

/** `about 20 min`; past runs tell no more than that. Empty when they tell nothing. */
export function estimateText(seconds: number | null | undefined): string {
  if (seconds == null) return "";
  if (seconds < MINUTE) return "less than a minute";
  if (seconds < HOUR) return `about ${Math.round(seconds / MINUTE)} min`;
  const hours = seconds / HOUR;
  return `about ${hours < 10 ? Number(hours.toFixed(1)) : Math.round(hours)} h`;
}

/** `1 GPU of type A100 in resource group local; 0 of 4 free; 2 ahead; about 20 min`. */
export function waitingText({ waiting_for, ahead, estimate_seconds }: Place): string {
  const others = ahead > 0 ? `${ahead} ahead` : "";
  return [waiting_for, others, estimateText(estimate_seconds)].filter(Boolean).join("; ");
}
