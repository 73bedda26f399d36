import { describe, expect, it } from "vitest";

import type { QuotaView, ResourceGroup } from "../api/models";
import { barsOf, gpuTypes, limitsText } from "./quotaBars";

const GIB = 1024 ** 3;
const view = (change: Partial<QuotaView> = {}): QuotaView => ({ resource_group: "local", quota: {}, used: {}, ...change });
const group = (change: Partial<ResourceGroup> = {}) =>
  ({ name: "local", allowed: { cpu: 16, memory: 64 * GIB, "gpu:A100": 4 }, gpus: [], ...change }) as unknown as ResourceGroup;
const A100 = [{ type: "A100", total: 4, free: 4, shares: 1 }];
const of = (bars: ReturnType<typeof barsOf>, key: string) => bars.find((bar) => bar.key === key);

describe("the bars of a quota", () => {
  it("show what is used of what is given", () => {
    const bars = barsOf(
      view({ quota: { limits: { cpu: 8, memory: 32 * GIB, instances: 4 } }, used: { cpu: 2, memory: 8 * GIB, instances: 4 } }),
      group(),
    );
    expect(bars.map(({ label, text, part }) => [label, text, part])).toEqual([
      ["Running instances", "4 of 4", 1],
      ["CPU", "2 of 8", 0.25],
      ["Memory", "8 GiB of 32 GiB", 0.25],
    ]);
  });

  it("measure by the group where the workspace has no limit of its own", () => {
    const cpu = of(barsOf(view({ used: { cpu: 4 } }), group()), "cpu");
    expect(cpu).toMatchObject({ text: "4 of 16 in the group", part: 0.25 });
    expect(of(barsOf(view(), group()), "instances")).toMatchObject({ text: "0, no limit", part: undefined });
  });

  it("count GPUs by type, and together where that is limited or there are several types", () => {
    const one = barsOf(view(), group({ gpus: A100 }));
    expect(one.map(({ key }) => key).filter((key) => key.startsWith("gpu"))).toEqual(["gpu:A100"]);
    const limited = barsOf(view({ quota: { limits: { gpus: { "*": 2 } } }, used: { "gpu:*": 1, "gpu:A100": 1 } }), group({ gpus: A100 }));
    expect(of(limited, "gpu:*")).toMatchObject({ label: "GPUs of all types", text: "1 of 2", part: 0.5 });
    expect(of(limited, "gpu:A100")).toMatchObject({ text: "1 of 4 in the group" });
  });

  it("are full where nothing is allowed", () => {
    expect(of(barsOf(view({ quota: { limits: { instances: 0 } } }), undefined), "instances")).toMatchObject({
      text: "0 of 0",
      part: 1,
    });
  });

  it("include storage when it is limited or measured", () => {
    expect(of(barsOf(view(), undefined), "storage")).toBeUndefined();
    expect(of(barsOf(view({ quota: { storage: 4 * GIB }, storage_used: GIB }), undefined), "storage")).toMatchObject({
      text: "1 GiB of 4 GiB",
      part: 0.25,
    });
    expect(of(barsOf(view({ quota: { storage: GIB } }), undefined), "storage")).toMatchObject({
      text: "not measured yet, at most 1 GiB",
      part: undefined,
    });
  });
});

describe("the types of GPU", () => {
  it("are those of the group, of any limit and of what is used", () => {
    const quota = { per_role: { guest: { gpus: { T4: 0 } } }, limits: { gpus: { "*": 2 } } };
    expect(gpuTypes(view({ quota, used: { "gpu:H100": 1, cpu: 1 } }), group({ gpus: A100 }))).toEqual([
      "A100",
      "H100",
      "T4",
    ]);
  });
});

describe("limits in words", () => {
  it("name what is limited", () => {
    expect(limitsText({ instances: 1, cpu: 1.5, memory: 2 * GIB, gpus: { "*": 2, A100: 1 } })).toBe(
      "at most 1 running instance, 1.5 CPU, 2 GiB memory, 2 GPU, 1 A100",
    );
    expect(limitsText({ instances: null, gpus: {} })).toBe("no limit");
    expect(limitsText(undefined)).toBe("no limit");
  });
});
