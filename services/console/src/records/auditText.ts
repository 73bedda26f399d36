/** A line of the audit log in words. Pure. */
import type { AuditLine } from "../api/models";
import { formatBytes } from "../common/format";

/** `alice`, or `dsw-abc for alice` when an instance used somebody's rights. */
export function whoText({ actor, on_behalf_of }: Pick<AuditLine, "actor" | "on_behalf_of">): string {
  return on_behalf_of && on_behalf_of !== actor ? `${actor} for ${on_behalf_of}` : actor;
}

/** `did: start; roles: admin, developer; limits: cpu 8, memory 16 GiB`. What is nothing is left out. */
export function detailText(detail: AuditLine["detail"]): string {
  return Object.entries(detail)
    .filter(([key]) => key !== "platform_admin")
    .map(([key, value]) => [key, valueText(key, value)] as const)
    .filter(([, text]) => text !== "")
    .map(([key, text]) => `${key}: ${text}`)
    .join("; ");
}

const BYTES: ReadonlySet<string> = new Set(["memory", "storage"]);

function valueText(key: string, value: unknown): string {
  if (value === null || value === undefined) return "";
  if (Array.isArray(value)) return value.map((one) => valueText(key, one)).join(", ");
  if (typeof value === "number" && BYTES.has(key)) return formatBytes(value);
  if (typeof value !== "object") return String(value);
  return Object.entries(value)
    .map(([name, one]) => [name, valueText(name, one)] as const)
    .filter(([, text]) => text !== "")
    .map(([name, text]) => (typeof value[name as keyof typeof value] === "object" ? `${name} (${text})` : `${name} ${text}`))
    .join(", ");
}
