import { describe, expect, it } from "vitest";

import type { Warming } from "../api/models";
import { checkLook, hasCache, holdersText, rateText, usersText, warmText, whereText } from "./words";

describe("a dataset in words", () => {
  it.each([
    [undefined, "Not tried yet"],
    [true, "Reachable"],
    [false, "Not reachable"],
  ])("reachable %s is %s", (reachable, label) => {
    expect(checkLook({ reachable: reachable ?? null, message: "" }).label).toBe(label);
  });

  it("that only a mount can reach is not known", () => {
    const check = { reachable: null, message: "Only a mount can tell.", at: "2026-01-01T00:00:00Z" };
    expect(checkLook(check).label).toBe("Not known");
  });

  it.each([
    [[], 0, "No instance uses it."],
    [[], 1, "1 instance uses it that you may not know."],
    [[], 2, "2 instances use it that you may not know."],
    [["ada/a"], 0, "ada/a."],
    [["ada/a", "bob/b"], 3, "ada/a, bob/b and 3 more."],
  ])("is used by %j and %i others", (instances, others, text) => {
    expect(usersText({ instances, others })).toBe(text);
  });

  it("has a cache when it is in an object store", () => {
    expect(["s3", "oss", "file", "git"].map((kind) => hasCache({ kind }))).toEqual([true, true, false, false]);
  });

  it("without an address is in a folder of its own", () => {
    expect(whereText({ kind: "file", uri: "" })).toBe("A folder of its own");
    expect(whereText({ kind: "nas", uri: "nas://server/vol" })).toBe("NAS");
  });

  it("has a hit rate once something was read", () => {
    expect(rateText(null)).toBe("–");
    expect(rateText(0.934)).toBe("93.4 %");
  });

  it("is warmed by files and bytes, as far as they are known", () => {
    const warming = { files_done: 2, bytes_done: 1024 } as Warming;
    expect(warmText(warming)).toBe("2 files, 1 KiB");
    expect(warmText({ ...warming, files_total: 5, bytes_total: 4096 })).toBe("2 of 5 files, 1 KiB of 4 KiB");
  });
});

describe("what holds a mount", () => {
  it("is named with its process id", () => {
    const holders = [
      { pid: 12, command: "python" },
      { pid: 40, command: "bash" },
    ];
    expect(holdersText({ holders })).toBe("python (12), bash (40)");
    expect(holdersText({ holders: [] })).toBe("processes in the instance");
  });
});
