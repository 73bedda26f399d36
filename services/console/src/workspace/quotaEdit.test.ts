import { describe, expect, it } from "vitest";

import type { Quota } from "../api/models";
import { fieldsOf, GIB, rowsOf, valueOf, withLimits, withoutRow, withValue } from "./quotaEdit";

const QUOTA: Quota = {
  limits: { cpu: 8 },
  storage: null,
  per_member: { instances: 2 },
  members: { "a/b": { instances: 4 } },
  per_role: { guest: { cpu: 1 } },
  per_band: { high: { gpus: { "*": 1 } } },
};

describe("the rows of a quota", () => {
  it("are the workspace, each member, and then all caps, with who gives them", () => {
    expect(rowsOf(QUOTA).map(({ title, given, removable }) => [title, given, removable])).toEqual([
      ["The whole workspace", true, false],
      ["Each member", false, false],
      ["Member a/b", false, true],
      ["Each guest", false, true],
      ["Priority high (7 to 9)", true, true],
    ]);
  });

  it("are changed one at a time, a new one as well, whatever is in the name", () => {
    expect(withLimits(QUOTA, "members/a/b", { cpu: 3 }).members).toEqual({ "a/b": { cpu: 3 } });
    expect(withLimits(QUOTA, "per_role/operator", {}).per_role).toEqual({ guest: { cpu: 1 }, operator: {} });
    expect(withLimits({}, "limits", { cpu: 1 })).toEqual({ limits: { cpu: 1 } });
    expect(QUOTA.members).toEqual({ "a/b": { instances: 4 } });
  });

  it("are taken away, except those that every quota has", () => {
    expect(withoutRow(QUOTA, "members/a/b").members).toEqual({});
    expect(withoutRow(QUOTA, "limits")).toEqual(QUOTA);
  });
});

describe("a cell", () => {
  it("shows memory in GiB and keeps whole bytes", () => {
    expect(valueOf({ memory: 1.5 * GIB }, "memory")).toBe(1.5);
    expect(withValue({}, "memory", 0.1)).toEqual({ memory: Math.round(0.1 * GIB) });
  });

  it("that is emptied takes the limit away; nothing at all is a limit", () => {
    expect(withValue({ cpu: 1 }, "cpu", null)).toEqual({ cpu: null });
    expect(withValue({ gpus: { A100: 1, "*": 2 } }, "gpu:A100", null)).toEqual({ gpus: { "*": 2 } });
    expect(withValue({}, "gpu:A100", 0)).toEqual({ gpus: { A100: 0 } });
    expect(valueOf({ instances: 0 }, "instances")).toBe(0);
    expect(valueOf({}, "gpu:*")).toBeNull();
  });

  it("is there for each type of GPU", () => {
    expect(fieldsOf(["A100"]).map(({ title }) => title)).toEqual(["Instances", "CPU", "Memory, GiB", "GPUs", "A100"]);
  });
});
