import { describe, expect, it } from "vitest";

import type { ImageReport, ImageReportView, Package } from "../api/models";
import { instanceLines, packagesWith, savingText } from "./reportText";

const report = (rest: Partial<ImageReport>): ImageReport => ({
  mode: "consistent",
  since: null,
  squashed: false,
  frozen_ms: 128,
  size: 1024,
  more_left_out: 0,
  unscanned: 0,
  ...rest,
});

describe("a saved image's report", () => {
  it("says how it was saved", () => {
    expect(savingText(report({}))).toBe("1 KiB were stored; the instance paused for 0.13 s.");
    expect(savingText(report({ mode: "live", since: "snap-a", squashed: true }))).toBe(
      "1 KiB that had changed since the last saving were stored; older layers were put together; the instance was not paused.",
    );
  });

  it("finds packages by a part of their name, or by their manager", () => {
    const packages: Package[] = [
      { manager: "pip", name: "NumPy", version: "2.1" },
      { manager: "apt", name: "git", version: "2.47" },
    ];
    expect(packagesWith(packages, " nump ")).toEqual([packages[0]]);
    expect(packagesWith(packages, "apt")).toEqual([packages[1]]);
    expect(packagesWith(packages, "")).toEqual(packages);
    expect(packagesWith(packages, "torch")).toEqual([]);
  });

  it("tells what the instance was", () => {
    const restore = {
      image_digest: "sha256:a",
      base_digest: "sha256:b",
      workspace_id: "ws-a",
      spec: "small",
      resource_group: "gpus",
      code_source: null,
      mounts: [{ target: "/mnt/workspace", read_only: false }, { target: "/mnt/data", read_only: true }],
      environment: ["A", "B"],
    };
    expect(instanceLines({ restore } as unknown as ImageReportView)).toEqual([
      "Size small in the group gpus",
      "Mount /mnt/workspace",
      "Mount /mnt/data, read-only",
      "Variables A, B",
    ]);
  });
});
