/** The order in which images are shown. Pure. */
import type { Image } from "../api/models";

export const SOURCES = [
  { source: "official", title: "Official" },
  { source: "custom", title: "Custom" },
  { source: "snapshot", title: "Saved from instances" },
] as const;

/** Images by where they come from: those that can be used first, then as the operator put them or the newest. */
export function grouped(images: readonly Image[]) {
  return SOURCES.map(({ source, title }) => ({
    source,
    title,
    images: images
      .filter((image) => image.source === source)
      .sort(
        (one, other) =>
          Number(other.available) - Number(one.available) ||
          (source === "official" ? 0 : newestFirst(one, other)),
      ),
  })).filter((group) => group.images.length > 0);
}

export const newestFirst = (
  one: { created_at: string },
  other: { created_at: string },
): number => Date.parse(other.created_at) - Date.parse(one.created_at);
