/** A saved image's report in words. Pure. */
import type { ImageReport, ImageReportView, Package } from "../api/models";
import { formatBytes } from "../common/format";

/** `1.2 GiB were shipped; the instance paused for 0.13 s.` and what else is to be said of it. */
export function savingText({ size, mode, since, squashed, frozen_ms: ms }: ImageReport): string {
  const parts = [`${formatBytes(size)} ${since ? "that had changed since the last saving " : ""}were stored`];
  if (squashed) parts.push("older layers were put together");
  parts.push(mode === "live" ? "the instance was not paused" : `the instance paused for ${(ms / 1000).toFixed(2)} s`);
  return `${parts.join("; ")}.`;
}

/** The packages whose name or manager has the text in it. */
export function packagesWith(packages: readonly Package[], text: string): Package[] {
  const wanted = text.trim().toLowerCase();
  return packages.filter(({ manager, name }) => `${manager} ${name}`.toLowerCase().includes(wanted));
}

/** What the instance was, as lines; the names of its variables, and never what they were. */
export function instanceLines({ restore }: ImageReportView): string[] {
  const { spec, resource_group: group, code_source: code, mounts = [], environment = [] } = restore;
  return [
    `Size ${spec}${group ? ` in the group ${group}` : ""}`,
    ...(code ? [`Code source ${code}`] : []),
    ...mounts.map(({ target, read_only }) => `Mount ${target}${read_only ? ", read-only" : ""}`),
    ...(environment.length ? [`Variables ${environment.join(", ")}`] : []),
  ];
}
