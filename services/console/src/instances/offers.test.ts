import { describe, expect, it } from "vitest";

import type { Policy, ResourceGroup, Spec } from "../api/models";
import { allowedSpecs, freeOf, groupFor, highestPriority, offerOf } from "./offers";

const GIB = 1024 ** 3;
const spec = (change: Partial<Spec> = {}): Spec => ({
  name: "a100",
  cpu: 4,
  memory: 16 * GIB,
  shared_memory: GIB,
  gpu: 1,
  gpu_type: "A100",
  gpu_shared: false,
  pids: 100,
  description: "",
  ...change,
});
const group = (change: Partial<ResourceGroup> = {}): ResourceGroup => ({
  name: "local",
  description: "",
  specs: ["a100", "small"],
  discovered: true,
  allowed: { cpu: 8, memory: 64 * GIB, "gpu:A100": 4 },
  used: { cpu: 2, memory: 16 * GIB },
  gpus: [{ type: "A100", total: 4, free: 2, shares: 1 }],
  waiting: 0,
  ...change,
});
const rules = (policy: Partial<Policy>, ...roles: string[]) => ({
  policy: { sudo: true, max_run_minutes: 0, on_removal: "stop", ...policy } as Policy,
  roles,
});

describe("the highest priority", () => {
  it("is that of the best role, and 5 for a role that the policy does not name", () => {
    expect(highestPriority(rules({ max_priority: { admin: 9, guest: 2 } }, "admin", "guest"))).toBe(9);
    expect(highestPriority(rules({ max_priority: { guest: 2 } }, "guest"))).toBe(2);
    expect(highestPriority(rules({}, "developer"))).toBe(5);
    expect(highestPriority(rules({}))).toBe(1);
  });
});

describe("the allowed sizes", () => {
  it("are those of all roles together, and all when one role is not limited", () => {
    const specs = { guest: ["tiny"], labeler: ["small"] };
    expect(allowedSpecs(rules({ specs }, "guest", "labeler"))).toEqual(new Set(["tiny", "small"]));
    expect(allowedSpecs(rules({ specs }, "guest", "developer"))).toBeUndefined();
    expect(allowedSpecs(rules({ specs: { guest: [] } }, "guest"))).toEqual(new Set());
  });
});

describe("an offer", () => {
  it("is refused by the policy before anything else", () => {
    const offer = offerOf(spec(), rules({ specs: { guest: ["small"] } }, "guest"), [group()], undefined);
    expect(offer.problem).toMatch(/role/);
  });

  it("needs a group that has the size, or the chosen group", () => {
    const groups = [group({ specs: ["small"] }), group({ name: "big" })];
    expect(offerOf(spec(), undefined, groups, undefined)).toEqual({
      problem: undefined,
      free: { text: "2 of 4 A100 free", short: false },
    });
    expect(offerOf(spec(), undefined, groups, "local").problem).toMatch(/local does not offer/);
    expect(offerOf(spec({ name: "odd" }), undefined, groups, undefined).problem).toMatch(/No resource/);
  });

  it("comes from the first group that has such GPUs, when none is chosen", () => {
    const groups = [group({ gpus: [] }), group({ name: "gpus" })];
    expect(groupFor(spec(), groups)?.name).toBe("gpus");
    expect(groupFor(spec({ gpu: 0 }), groups)?.name).toBe("local");
    expect(groupFor(spec({ gpu_type: "H100" }), groups)?.name).toBe("local");
    expect(groupFor(spec({ name: "odd" }), groups)).toBeUndefined();
    expect(offerOf(spec(), undefined, groups, undefined).free?.text).toBe("2 of 4 A100 free");
    expect(offerOf(spec(), undefined, groups, "local").free?.text).toBe("no A100 in local");
  });

  it("is not doubted while the groups are not known", () => {
    expect(offerOf(spec(), undefined, [], undefined)).toEqual({ problem: undefined, free: undefined });
  });
});

describe("what is free", () => {
  it.each([
    ["a size without GPUs that fits", spec({ gpu: 0 }), group(), undefined],
    [
      "a size without GPUs that does not fit",
      spec({ gpu: 0 }),
      group({ used: { cpu: 7.5 } }),
      "would wait: 0.5 of 8 CPU free",
    ],
    [
      "memory that is used up",
      spec({ gpu: 0 }),
      group({ used: { memory: 60 * GIB } }),
      "would wait: 4 GiB of 64 GiB memory free",
    ],
    [
      "GPUs that are all taken",
      spec(),
      group({ gpus: [{ type: "A100", total: 4, free: 0, shares: 1 }] }),
      "would wait: 0 of 4 A100 free",
    ],
    ["GPUs that are there while the CPU is not", spec(), group({ used: { cpu: 6 } }), "would wait: 2 of 8 CPU free"],
    ["another type than asked for", spec({ gpu_type: "H100" }), group(), "no H100 in local"],
    [
      "any type, by the one of which most is free",
      spec({ gpu_type: "" }),
      group({
        gpus: [
          { type: "T4", total: 2, free: 0, shares: 1 },
          { type: "A100", total: 4, free: 1, shares: 1 },
        ],
      }),
      "1 of 4 A100 free",
    ],
    [
      "shares for a size that shares",
      spec({ gpu_shared: true, gpu_type: "" }),
      group({
        gpus: [
          { type: "A100", total: 4, free: 4, shares: 1 },
          { type: "T4", total: 8, free: 3, shares: 4 },
        ],
      }),
      "3 of 8 T4 shares free",
    ],
  ])("is told for %s", (_, wanted, of, text) => {
    const free = freeOf(wanted, of);
    expect(free?.text).toBe(text);
    expect(free?.short ?? false).toBe(/^(would wait|no )/.test(text ?? ""));
  });
});
