/** Which sizes and priorities a workspace gives its members, and what is free of them now. Pure. */
import type { ResourceGroup, Spec, Workspace } from "../api/models";
import { formatBytes } from "../common/format";

type Ruled = Pick<Workspace, "policy" | "roles">;

/** As control has it, for roles that the policy does not name. */
export const DEFAULT_PRIORITY = 5;
export const PRIORITIES = [1, 2, 3, 4, 5, 6, 7, 8, 9];

/** The highest priority that the user may ask for; control decides, this only shows early. */
export function highestPriority({ policy, roles }: Ruled): number {
  return Math.max(1, ...roles.map((role) => policy.max_priority?.[role] ?? DEFAULT_PRIORITY));
}

/** The names of the sizes that the user's roles allow; undefined: all. */
export function allowedSpecs({ policy, roles }: Ruled): Set<string> | undefined {
  const lists = roles.map((role) => policy.specs?.[role]);
  if (lists.length === 0 || lists.includes(undefined)) return undefined;
  return new Set(lists.flatMap((names) => names ?? []));
}

export interface Offer {
  /** Why the size cannot be taken at all. */
  problem: string | undefined;
  /** What is free of it now, where that is worth a word. */
  free: Free | undefined;
}

export interface Free {
  text: string;
  /** Whether it is too little, so that a start would wait or cannot be. */
  short: boolean;
}

/** Whether a size can be had in one of these resource groups, or in the chosen one. */
export function offerOf(
  spec: Spec,
  workspace: Ruled | undefined,
  groups: readonly ResourceGroup[],
  chosen: string | undefined,
): Offer {
  const allowed = workspace && allowedSpecs(workspace);
  if (allowed && !allowed.has(spec.name)) {
    return { problem: "Your role in this workspace does not allow it.", free: undefined };
  }
  const group = groupFor(spec, chosen ? groups.filter(({ name }) => name === chosen) : groups);
  if (group) return { problem: undefined, free: freeOf(spec, group) };
  if (groups.length === 0) return { problem: undefined, free: undefined };
  const problem = chosen ? `The resource group ${chosen} does not offer it.` : "No resource group offers it.";
  return { problem, free: undefined };
}

/** The first group that offers the size and has such GPUs, or else the first that offers it. */
export function groupFor(spec: Spec, groups: readonly ResourceGroup[]): ResourceGroup | undefined {
  const offering = groups.filter((group) => group.specs.includes(spec.name));
  return offering.find((group) => !spec.gpu || fittingGpus(spec, group).length > 0) ?? offering[0];
}

const fittingGpus = (spec: Spec, { gpus = [] }: ResourceGroup) =>
  gpus.filter(
    (gpu) => (!spec.gpu_type || gpu.type === spec.gpu_type) && gpu.shares > 1 === spec.gpu_shared,
  );

/** `2 of 4 A100 free`, or what it would wait for; nothing where a size without GPUs fits. */
export function freeOf(spec: Spec, group: ResourceGroup): Free | undefined {
  const lack = lackOf(spec, group);
  if (!spec.gpu) return lack ? wait(lack) : undefined;
  const [first, ...others] = fittingGpus(spec, group);
  if (!first) return { text: `no ${spec.gpu_type || "GPU"} in ${group.name}`, short: true };
  const best = others.reduce((one, other) => (other.free > one.free ? other : one), first);
  const free = `${best.free} of ${best.total} ${best.type}${spec.gpu_shared ? " shares" : ""} free`;
  if (best.free < spec.gpu) return wait(free);
  return lack ? wait(lack) : { text: free, short: false };
}

const wait = (text: string): Free => ({ text: `would wait: ${text}`, short: true });

/** What there is too little of besides GPUs. */
function lackOf(spec: Spec, { allowed, used }: ResourceGroup): string | undefined {
  const left = (name: string) => (allowed[name] ?? Infinity) - (used[name] ?? 0);
  // A grain of tolerance, as control has it for sums of fractions.
  if (left("cpu") + 1e-9 < spec.cpu) return `${amount(left("cpu"))} of ${amount(allowed["cpu"] ?? 0)} CPU free`;
  if (left("memory") < spec.memory) {
    return `${formatBytes(Math.max(0, left("memory")))} of ${formatBytes(allowed["memory"] ?? 0)} memory free`;
  }
  return undefined;
}

const amount = (number: number): string => String(Number(Math.max(0, number).toFixed(2)));
