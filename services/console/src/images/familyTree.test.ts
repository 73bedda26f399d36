import { describe, expect, it } from "vitest";

import type { Image } from "../api/models";
import { familyTree, type Branch } from "./familyTree";

const image = (id: string, parent_id: string | null = null) => ({ id, parent_id }) as Image;

/** `base(one(two) three)`; an image that is not seen in square brackets. */
const text = (branches: Branch[]): string =>
  branches
    .map(({ id, image: seen, children }) => (seen ? id : `[${id}]`) + (children.length ? `(${text(children)})` : ""))
    .join(" ");

describe("the family of an image", () => {
  it("is a tree from the first ancestor to the last descendant", () => {
    const images = [image("base"), image("one", "base"), image("two", "one"), image("three", "base")];
    expect(text(familyTree(images))).toBe("base(one(two) three)");
  });

  it("has a branch without a name where an ancestor cannot be seen", () => {
    const images = [image("one", "secret"), image("two", "one"), image("three", "secret")];
    expect(text(familyTree(images))).toBe("[secret](one(two) three)");
  });

  it("names each image once even when the records form a circle", () => {
    expect(text(familyTree([image("a", "b"), image("b", "a")]))).toBe("a(b)");
    expect(text(familyTree([image("a", "a")]))).toBe("a");
  });
});
