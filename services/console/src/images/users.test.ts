import { describe, expect, it } from "vitest";

import { usersText } from "./users";

const of = (instances: string[], others = 0) => usersText({ instances, others });
const KEPT = " It can be deleted when no instance uses it any more.";

describe("who uses an image", () => {
  it.each([
    [[], 0, "No instance uses it."],
    [["alice/lab"], 0, `alice/lab.${KEPT}`],
    [["alice/lab", "bob/x"], 1, `alice/lab, bob/x and 1 more instance.${KEPT}`],
    [[], 1, `1 instance.${KEPT}`],
    [[], 3, `3 instances.${KEPT}`],
  ])("%j and %i others reads %s", (instances, others, text) => {
    expect(of(instances, others)).toBe(text);
  });

  it("names ten at most", () => {
    const many = Array.from({ length: 12 }, (_, number) => `u/${number}`);
    expect(of(many, 1)).toContain("u/9 and 3 more instances.");
  });
});
