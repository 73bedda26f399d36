import { describe, expect, it } from "vitest";

import type { ResourceGroup } from "../api/models";
import { groupBars } from "./groupBars";

const GIB = 1024 ** 3;

describe("the bars of a resource group", () => {
  it("show what is given away of what may be, and the free GPUs", () => {
    const group = {
      allowed: { cpu: 8, memory: 4 * GIB, "gpu:A100": 4, "gpu:T4": 8 },
      used: { cpu: 2, memory: GIB },
      gpus: [
        { type: "A100", total: 4, free: 1, shares: 1 },
        { type: "T4", total: 8, free: 8, shares: 4 },
      ],
    } as unknown as ResourceGroup;
    expect(groupBars(group).map(({ label, text, part }) => [label, text, part])).toEqual([
      ["CPU", "2 of 8", 0.25],
      ["Memory", "1 GiB of 4 GiB", 0.25],
      ["GPU A100", "1 of 4 free", 0.75],
      ["GPU T4", "8 of 8 shares (4 each) free", 0],
    ]);
  });

  it("do not divide by what is not known yet", () => {
    const group = { allowed: {}, used: {}, gpus: [] } as unknown as ResourceGroup;
    expect(groupBars(group).map(({ part }) => part)).toEqual([undefined, undefined]);
  });
});
