/** Who uses an image, in a sentence. Pure. */
import type { ImageUsage } from "../api/models";

const NAMED = 10;

export function usersText({ instances, others }: Pick<ImageUsage, "instances" | "others">): string {
  const named = instances.slice(0, NAMED);
  const rest = instances.length - named.length + others;
  if (named.length === 0 && rest === 0) return "No instance uses it.";
  const more = rest ? `${named.length ? "and " : ""}${rest} ${named.length ? "more " : ""}instance${rest === 1 ? "" : "s"}` : "";
  const names = [named.join(", "), more].filter(Boolean).join(" ");
  return `${names}. It can be deleted when no instance uses it any more.`;
}
