import { describe, expect, it } from "vitest";

import type { PackageChange } from "../api/models";
import { changeText, countsText, sizeText } from "./changeText";

const change = (before: string | null, after: string | null): PackageChange => ({
  manager: "pip",
  name: "numpy",
  before,
  after,
});

describe("package changes", () => {
  it("are signed as added, removed or changed", () => {
    expect(changeText(change(null, "2.1"))).toBe("+ pip numpy 2.1");
    expect(changeText(change("2.0", null))).toBe("- pip numpy 2.0");
    expect(changeText(change("2.0", "2.1"))).toBe("~ pip numpy 2.0 → 2.1");
  });

  it("are counted by what they are", () => {
    expect(countsText([])).toBe("");
    expect(countsText([change(null, "1"), change(null, "2"), change("1", "2")])).toBe("2 added, 1 changed");
    expect(countsText([change("1", null)])).toBe("1 removed");
  });
});

describe("the size of what is saved", () => {
  it("has its entries, and what it builds on", () => {
    expect(sizeText({ size: 1536, entries: 25_113, since: null })).toBe("1.5 KiB in 25,113 entries");
    expect(sizeText({ size: 10, entries: 1, since: "snap-a" })).toBe(
      "10 B in 1 entry, changed since it was last saved",
    );
  });
});
