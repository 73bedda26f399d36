/** Package changes and the size of what is saved, in words. Pure. */
import type { Forecast, PackageChange } from "../api/models";
import { formatBytes } from "../common/format";

/** `+ pip numpy 2.1`, `~ apt git 2.39 → 2.47`, `- conda perl 5.32`. */
export function changeText({ manager, name, before, after }: PackageChange): string {
  if (before == null) return `+ ${manager} ${name} ${after ?? ""}`.trimEnd();
  if (after == null) return `- ${manager} ${name} ${before}`;
  return `~ ${manager} ${name} ${before} → ${after}`;
}

/** `3 added, 1 changed`; nothing where nothing is. */
export function countsText(changes: readonly PackageChange[]): string {
  const added = changes.filter(({ before }) => before == null).length;
  const removed = changes.filter(({ after }) => after == null).length;
  const counts = [
    [added, "added"],
    [changes.length - added - removed, "changed"],
    [removed, "removed"],
  ] as const;
  return counts.flatMap(([count, word]) => (count ? [`${count} ${word}`] : [])).join(", ");
}

export function sizeText({ size, entries, since }: Pick<Forecast, "size" | "entries" | "since">): string {
  const what = `${formatBytes(size)} in ${entries.toLocaleString("en")} ${entries === 1 ? "entry" : "entries"}`;
  return since ? `${what}, changed since it was last saved` : what;
}
