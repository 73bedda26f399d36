import { describe, expect, it } from "vitest";

import type { Policy } from "../api/models";
import { minutesText, rulesOf } from "./policyText";

const rules = (policy: Partial<Policy>) => {
  const whole = { sudo: true, max_run_minutes: 0, on_removal: "stop", ...policy } as Policy;
  const found = rulesOf(whole, (id) => (id === "img-a" ? "torch" : id));
  return Object.fromEntries(found.map(({ title, text }) => [title, text]));
};

describe("a policy in words", () => {
  it("without rules allows all that it can", () => {
    expect(rules({})).toMatchObject({
      Images: "all",
      "Sizes by role": "all, for every role",
      "sudo in instances": "allowed",
      "Longest run": "no limit",
      Idle: "no rule",
      "A dataset that cannot be reached": "ends a start",
      "Saving as images": "what looks like a secret is reported; the last 5 images of an instance's stops are kept",
    });
  });

  it("says each rule", () => {
    expect(
      rules({
        images: ["official", "img-a"],
        specs: { guest: [], labeler: ["tiny", "small"] },
        max_priority: { admin: 9 },
        sudo: false,
        max_run_minutes: 480,
        idle: { minutes: 30, cpu_percent: 5, gpu_percent: 10 },
        on_removal: "delete",
        data: { unreachable: "degraded" },
        snapshots: { exclude: ["*.ckpt", "/opt/data"], secrets: "block", keep_last: 0 },
      }),
    ).toEqual({
      Images: "official, torch",
      "Sizes by role": "guest: none; labeler: tiny, small",
      "Highest priority by role": "admin: 9",
      "sudo in instances": "not allowed",
      "Longest run": "8 h",
      Idle: "after 30 min below 5 % CPU and 10 % GPU",
      "Saving as images": "without *.ckpt, /opt/data; what looks like a secret ends it; all images of stops are kept",
      "A dataset that cannot be reached": "comes later; the instance starts",
      "When a member leaves": "their instances are deleted; files on the NAS stay",
    });
  });

  it.each([
    [0, ""],
    [90, "90 min"],
    [150, "2 h 30 min"],
    [1440, "1 d"],
    [1501, "1 d 1 h 1 min"],
  ])("%i minutes are %j", (minutes, text) => {
    expect(minutesText(minutes)).toBe(text);
  });
});
