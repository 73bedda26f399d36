import { describe, expect, it } from "vitest";

import { paceText } from "./pace";
import { joined, nameProblem, parentOf, readLabels, stepsOf, writeLabels } from "./paths";

describe("paths below a dataset", () => {
  it("have the folders on the way to them", () => {
    expect(stepsOf("")).toEqual([]);
    expect(stepsOf("a/b")).toEqual([
      { name: "a", path: "a" },
      { name: "b", path: "a/b" },
    ]);
    expect(parentOf("a/b/c")).toBe("a/b");
    expect(parentOf("a")).toBe("");
    expect([joined("", "a"), joined("a/b", "c")]).toEqual(["a", "a/b/c"]);
  });
});

describe("names of datasets", () => {
  it.each(["", "a", "image-net.2026_v1"])("%j can be used", (name) => {
    expect(nameProblem(name)).toBeUndefined();
  });

  it.each(["A", "a b", "-a", "a--b", "a/", "x".repeat(63)])("%j cannot", (name) => {
    expect(nameProblem(name)).toBeDefined();
  });
});

describe("labels", () => {
  it("are written as they are read", () => {
    const labels = { task: "vision", raw: "", note: "a=b" };
    expect(readLabels("task = vision, raw,, note=a=b")).toEqual({ labels });
    expect(readLabels(writeLabels(labels))).toEqual({ labels });
    expect(readLabels("")).toEqual({ labels: {} });
  });

  it("of a name that cannot be are told", () => {
    expect(readLabels("a=1, B=2").problem).toContain("“B”");
  });
});

describe("the pace of an upload", () => {
  const MIB = 1024 ** 2;

  it("is told once it has settled, and counts only what was sent now", () => {
    const start = { at: 1_000, bytes: 2 * MIB };
    expect(paceText(4 * MIB, 10 * MIB, start, 3_000)).toBe("4 MiB of 10 MiB · 1 MiB/s · 6 s left");
    expect(paceText(4 * MIB, 10 * MIB, start, 1_500)).toBe("4 MiB of 10 MiB");
    expect(paceText(2 * MIB, 10 * MIB, start, 9_000)).toBe("2 MiB of 10 MiB");
    expect(paceText(2 * MIB, 10 * MIB, undefined, 9_000)).toBe("2 MiB of 10 MiB");
  });
});
