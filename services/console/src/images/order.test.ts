import { describe, expect, it } from "vitest";

import type { Image } from "../api/models";
import { grouped } from "./order";

const image = (id: string, rest: Partial<Image> = {}): Image =>
  ({ id, source: "snapshot", available: true, created_at: "2026-01-01T00:00:00Z", ...rest }) as Image;

describe("the groups of images", () => {
  it("come official, custom, saved; usable ones first, then the newest; none is empty", () => {
    const later = { created_at: "2026-02-01T00:00:00Z" };
    const groups = grouped([
      image("old"),
      image("new", later),
      image("missing", { source: "official", available: false }),
      image("base", { source: "official" }),
      image("extra", { source: "official", ...later }),
    ]);
    expect(groups.map(({ source, images }) => [source, images.map(({ id }) => id)])).toEqual([
      ["official", ["base", "extra", "missing"]],
      ["snapshot", ["new", "old"]],
    ]);
  });
});
