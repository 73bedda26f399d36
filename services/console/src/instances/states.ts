/** What each state means on the screen: its words, its colour, and what can be done in it. */
import type { Image, Instance, InstanceState } from "../api/models";
import { waitingText } from "../queue/queueText";

export type Tone = "good" | "busy" | "idle" | "warn" | "bad";

interface Look {
  label: string;
  tone: Tone;
}

const LOOKS: Record<InstanceState, Look> = {
  Creating: { label: "Creating", tone: "busy" },
  Queuing: { label: "Queuing", tone: "warn" },
  ResourceAllocating: { label: "Allocating resources", tone: "busy" },
  EnvPreparing: { label: "Preparing environment", tone: "busy" },
  Starting: { label: "Starting", tone: "busy" },
  Running: { label: "Running", tone: "good" },
  Updating: { label: "Updating", tone: "busy" },
  Saving: { label: "Running, saving", tone: "good" },
  SaveFailed: { label: "Running, save failed", tone: "warn" },
  Stopping: { label: "Stopping", tone: "busy" },
  Stopped: { label: "Stopped", tone: "idle" },
  Recovering: { label: "Recovering", tone: "busy" },
  Deleting: { label: "Deleting", tone: "busy" },
  Failed: { label: "Failed", tone: "bad" },
};

const UP: ReadonlySet<string> = new Set(["Running", "Saving", "SaveFailed"]);
const AT_REST: ReadonlySet<string> = new Set(["Stopped", "Failed"]);
const STARTING: ReadonlySet<string> = new Set([
  "Creating",
  "Queuing",
  "ResourceAllocating",
  "EnvPreparing",
  "Starting",
  "Recovering",
]);

/** A newer server may know states that this page does not: they are shown as they are. */
export const lookOf = (state: string): Look =>
  (LOOKS as Partial<Record<string, Look>>)[state] ?? { label: state, tone: "idle" };

type Told = Pick<Instance, "state" | "message"> & Partial<Pick<Instance, "queue">>;

/** The state and the sentence beneath it; while it waits these are its place and what it waits for. */
export function wordsOf({ state, message, queue }: Told): Look & { text: string } {
  const look = lookOf(state);
  if (state !== "Queuing" || !queue) return { ...look, text: message };
  return { ...look, label: `${look.label}, place ${queue.place}`, text: `Waits for ${waitingText(queue)}` };
}

export const isUp = (state: string): boolean => UP.has(state);
export const isStarting = (state: string): boolean => STARTING.has(state);

/** Where a start is in each state, as on the hub's own page; a pull moves it from 10 to 60. */
const REACHED: Partial<Record<InstanceState, number>> = {
  Creating: 5,
  ResourceAllocating: 10,
  EnvPreparing: 10,
  Starting: 65,
  Recovering: 10,
};

/** How far a start is on the whole, in per cent; `percent` of an instance is that of its pull. */
export function startPercent({ state, percent }: Pick<Instance, "state" | "percent">): number {
  const reached = REACHED[state] ?? 0;
  if (state !== "EnvPreparing" || percent == null) return reached;
  return reached + Math.floor(percent / 2);
}

/** Whether an instance can start from an image: it is there, and not for jobs only. */
export const canStart = ({ available, use }: Pick<Image, "available" | "use">): boolean =>
  available && use !== "job";

export interface Allowed {
  open: boolean;
  start: boolean;
  stop: boolean;
  save: boolean;
  change: boolean;
  remove: boolean;
}

/** What has been started once has a container, which can be saved while it is stopped, too. */
export function allowedIn({
  state,
  started_at,
}: Pick<Instance, "state"> & Partial<Pick<Instance, "started_at">>): Allowed {
  const leaving = state === "Stopping" || state === "Deleting";
  return {
    open: isUp(state),
    start: AT_REST.has(state),
    stop: isUp(state) || isStarting(state),
    save: state === "Running" || state === "SaveFailed" || (AT_REST.has(state) && started_at != null),
    change: !leaving && state !== "Saving",
    remove: state !== "Deleting",
  };
}
