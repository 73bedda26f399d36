import { describe, expect, it } from "vitest";

import type { Spec } from "../api/models";
import { formatAgo, formatBytes, formatDuration, formatProgress, formatSpec, percentOf } from "./format";

const SPEC: Spec = {
  name: "gpu",
  cpu: 0.5,
  memory: 64 * 1024 ** 3,
  shared_memory: 1024 ** 3,
  gpu: 2,
  gpu_type: "A100",
  gpu_shared: false,
  pids: 4096,
  description: "",
};

describe("sizes", () => {
  it.each([
    [0, "0 B"],
    [1023, "1023 B"],
    [1024, "1 KiB"],
    [1536, "1.5 KiB"],
    [1_020_000_000, "972.7 MiB"],
    [2 * 1024 ** 3, "2 GiB"],
    [3 * 1024 ** 5, "3.0 PiB"],
  ])("writes %i bytes as %s", (bytes, text) => {
    expect(formatBytes(bytes)).toBe(text);
  });

  it("shows the whole only where it is known", () => {
    expect(formatProgress(1024, 2048)).toBe("1 KiB of 2 KiB");
    expect(formatProgress(1024, null)).toBe("1 KiB");
  });

  it("never shows more than a hundred per cent, nor a hundred before the end", () => {
    expect(percentOf(3, 2)).toBe(100);
    expect(percentOf(999, 1000)).toBe(99);
    expect(percentOf(1, 0)).toBeUndefined();
    expect(percentOf(1, null)).toBeUndefined();
  });

  it("sums a spec up, with GPUs only where there are some", () => {
    expect(formatSpec(SPEC)).toBe("0.5 CPU · 64 GiB · 2 × A100");
    expect(formatSpec({ ...SPEC, gpu_type: "" })).toBe("0.5 CPU · 64 GiB · 2 × GPU");
    expect(formatSpec({ ...SPEC, gpu: 0 })).toBe("0.5 CPU · 64 GiB");
  });
});

describe("times", () => {
  const now = Date.parse("2026-03-02T12:00:00Z");

  it.each([
    ["2026-03-02T11:59:30Z", "just now"],
    ["2026-03-02T12:00:30Z", "just now"],
    ["2026-03-02T11:13:00Z", "47 min ago"],
    ["2026-03-02T03:30:00Z", "8 h ago"],
    ["2026-03-01T11:00:00Z", "yesterday"],
    ["2026-02-20T12:00:00Z", "10 days ago"],
  ])("writes %s as %s", (at, text) => {
    expect(formatAgo(at, now)).toBe(text);
  });

  it.each([
    [-5, "0 s"],
    [42_400, "42 s"],
    [185_000, "3 min 5 s"],
    [8_040_000, "2 h 14 min"],
  ])("writes %i ms as %s", (ms, text) => {
    expect(formatDuration(ms)).toBe(text);
  });
});
