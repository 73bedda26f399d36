/** What one's home and the shared folder of a workspace hold and may hold, in a line. Pure. */
import type { FolderUse, StorageReport } from "../api/models";
import { formatBytes } from "../common/format";

/** Empty when nothing is known of either. */
export function storageText({ folders, why_not }: StorageReport, user: string): string {
  const shown = [folders.find(({ owner }) => owner === user), folders.find(({ owner }) => owner === "")];
  const known = shown.filter((folder) => folder !== undefined);
  const parts = known.map(folderText).filter((text) => text !== "");
  if (parts.length && why_not && known.some(({ limit }) => limit != null)) {
    parts.push(`limits are not enforced: ${why_not}`);
  }
  return parts.join(" · ");
}

function folderText({ owner, used, limit, enforced }: FolderUse): string {
  if (used == null && limit == null) return "";
  const held = used == null ? "not measured yet" : formatBytes(used);
  const bound = limit == null ? "" : ` of ${formatBytes(limit)}${enforced ? " (enforced)" : ""}`;
  return `${owner ? "Your home" : "Shared folder"}: ${held}${bound}`;
}
