/** A workspace's policy in words. Pure. */
import type { Policy } from "../api/models";

export interface Rule {
  title: string;
  text: string;
}

/** The rules of a policy; `imageName` finds the name of an image that the policy names by its id. */
export function rulesOf(policy: Policy, imageName: (id: string) => string): Rule[] {
  const { images = [], idle, snapshots, data } = policy;
  return [
    { title: "Images", text: images.length ? images.map(imageName).join(", ") : "all" },
    { title: "Sizes by role", text: byRole(policy.specs, (names) => names.join(", ") || "none", "all, for every role") },
    { title: "Highest priority by role", text: byRole(policy.max_priority, String, "5, for every role") },
    { title: "sudo in instances", text: policy.sudo ? "allowed" : "not allowed" },
    { title: "Longest run", text: minutesText(policy.max_run_minutes) || "no limit" },
    {
      title: "Idle",
      text: idle?.minutes
        ? `after ${minutesText(idle.minutes)} below ${idle.cpu_percent} % CPU and ${idle.gpu_percent} % GPU`
        : "no rule",
    },
    {
      title: "Saving as images",
      text: [
        ...(snapshots?.exclude?.length ? [`without ${snapshots.exclude.join(", ")}`] : []),
        snapshots?.secrets === "block" ? "what looks like a secret ends it" : "what looks like a secret is reported",
        snapshots?.keep_last === 0
          ? "all images of stops are kept"
          : `the last ${snapshots?.keep_last ?? 5} images of an instance's stops are kept`,
      ].join("; "),
    },
    {
      title: "A dataset that cannot be reached",
      text: data?.unreachable === "degraded" ? "comes later; the instance starts" : "ends a start",
    },
    {
      title: "When a member leaves",
      text:
        policy.on_removal === "delete"
          ? "their instances are deleted; files on the NAS stay"
          : "their instances are stopped; files on the NAS stay",
    },
  ];
}

function byRole<T>(rule: Record<string, T> | undefined, text: (value: T) => string, none: string): string {
  const entries = Object.entries(rule ?? {});
  if (entries.length === 0) return none;
  return entries.map(([role, value]) => `${role}: ${text(value)}`).join("; ");
}

/** `90 min`, `8 h`, `2 d 3 h`; empty for none. */
export function minutesText(minutes: number): string {
  if (minutes < 120) return minutes ? `${minutes} min` : "";
  const parts = [
    [Math.floor(minutes / 1440), "d"],
    [Math.floor((minutes % 1440) / 60), "h"],
    [minutes % 60, "min"],
  ] as const;
  return parts.flatMap(([number, unit]) => (number ? [`${number} ${unit}`] : [])).join(" ");
}
