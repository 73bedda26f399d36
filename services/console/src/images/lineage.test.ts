import { describe, expect, it } from "vitest";

import type { Image } from "../api/models";
import { grouped, lineage } from "./lineage";

const image = (id: string, rest: Partial<Image> = {}): Image =>
  ({
    id,
    name: id,
    description: "",
    source: "snapshot",
    available: true,
    parent_id: null,
    created_at: "2026-01-01T00:00:00Z",
    ...rest,
  }) as Image;

const catalog = (...images: Image[]) => {
  const byId = new Map(images.map((item) => [item.id, item]));
  return (id: string) => {
    const found = byId.get(id);
    return found ? Promise.resolve(found) : Promise.reject(new Error("There is no such image."));
  };
};

describe("the lineage", () => {
  it("goes up to the image that has no parent", async () => {
    const [base, one, two] = [image("base"), image("one", { parent_id: "base" }), image("two", { parent_id: "one" })];
    const line = await lineage(two, catalog(base, one));
    expect(line.map(({ id }) => id)).toEqual(["one", "base"]);
  });

  it("ends without a name at an image that cannot be had", async () => {
    const line = await lineage(image("two", { parent_id: "secret" }), catalog());
    expect(line).toEqual([{ id: "secret", image: undefined }]);
  });

  it("ends even when the records form a circle", async () => {
    const [a, b] = [image("a", { parent_id: "b" }), image("b", { parent_id: "a" })];
    expect(await lineage(a, catalog(a, b))).toHaveLength(1);
  });
});

describe("the groups of images", () => {
  it("come official, custom, saved; usable ones first, then the newest; none is empty", () => {
    const groups = grouped([
      image("old"),
      image("new", { created_at: "2026-02-01T00:00:00Z" }),
      image("missing", { source: "official", available: false, created_at: "2026-03-01T00:00:00Z" }),
      image("base", { source: "official" }),
    ]);
    expect(groups.map(({ source, images }) => [source, images.map(({ id }) => id)])).toEqual([
      ["official", ["base", "missing"]],
      ["snapshot", ["new", "old"]],
    ]);
  });
});
