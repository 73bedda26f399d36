import { describe, expect, it } from "vitest";

import type { UsageLine } from "../api/models";
import { dayOf, firstOfMonth, formatHours, partOf, total, usualMeasure, windowOf } from "./usage";

const line = (key: string, cpu_hours: number, gpu_hours = 0): UsageLine => ({
  key,
  runs: 1,
  hours: 1,
  cpu_hours,
  memory_gib_hours: 2,
  gpu_hours,
  storage: null,
});

describe("the window of a report", () => {
  it("ends with its last day, over the ends of months", () => {
    expect(windowOf("2026-02-27", "2026-02-28")).toEqual({
      since: "2026-02-27T00:00:00Z",
      until: "2026-03-01T00:00:00.000Z",
    });
  });

  it("leaves what is not chosen to control", () => {
    expect(windowOf("", "")).toEqual({ since: null, until: null });
  });

  it("counts days in UTC", () => {
    const late = Date.parse("2026-03-31T23:30:00-05:00");
    expect(dayOf(late)).toBe("2026-04-01");
    expect(firstOfMonth(late)).toBe("2026-04-01");
  });
});

describe("the bars", () => {
  it("are as long as their part of the longest", () => {
    const lines = [line("a", 4), line("b", 1)];
    expect(lines.map((one) => partOf(one, lines, "cpu_hours"))).toEqual([1, 0.25]);
    expect(partOf(lines[0]!, lines, "gpu_hours")).toBe(0);
  });

  it("show GPU-hours where there are any", () => {
    expect(usualMeasure([line("a", 9)])).toBe("cpu_hours");
    expect(usualMeasure([line("a", 9), line("b", 9, 0.1)])).toBe("gpu_hours");
  });
});

describe("the figures", () => {
  it("add up", () => {
    expect(total([line("a", 1, 0.5), line("b", 2)])).toEqual({
      runs: 2,
      hours: 2,
      cpu_hours: 3,
      memory_gib_hours: 4,
      gpu_hours: 0.5,
    });
  });

  it("never read as nothing when they are something", () => {
    expect(formatHours(0)).toBe("0");
    expect(formatHours(0.004)).toBe("< 0.01");
    expect(formatHours(1.239)).toBe((1.24).toLocaleString());
  });
});
