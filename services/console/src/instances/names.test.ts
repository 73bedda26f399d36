import { describe, expect, it } from "vitest";

import { nameProblem, serverName } from "./names";

describe("the name made from a display name", () => {
  // The expected names are what `dsw.names.server_name` answers.
  it.each([
    ["Fraud training", "fraud-training"],
    ["Ünïted Run #2!", "united-run-2"],
    ["欺诈检测", "instance"],
    ["", "instance"],
    ["2026 budget", "instance-2026-budget"],
    ["--a--b--", "a-b"],
    ["ﬁne ½ Ⅷ", "fine-12-viii"],
    ["a".repeat(40), "a".repeat(30)],
    [`${"a".repeat(29)} b`, "a".repeat(29)],
  ])("of %j is %j", (displayName, name) => {
    expect(serverName(displayName, [])).toBe(name);
  });

  it("is numbered when it is taken, and never too long", () => {
    expect(serverName("etl", ["etl"])).toBe("etl-2");
    expect(serverName("etl", ["etl", "etl-2"])).toBe("etl-3");
    expect(serverName("a".repeat(30), ["a".repeat(30)])).toBe(`${"a".repeat(28)}-2`);
  });

  it("always follows the rule for names", () => {
    for (const text of ["欺诈", "9", "-", "A_B", "x".repeat(99), "é-–—é", "a\u0000b"]) {
      expect(nameProblem(serverName(text, ["x"]), [])).toBeUndefined();
    }
  });
});

describe("a typed name", () => {
  it.each(["a", "train-2", "a".repeat(30)])("may be %j", (name) => {
    expect(nameProblem(name, ["other"])).toBeUndefined();
  });

  it.each(["", "Train", "2train", "-a", "a-", "a--b", "a/b", "训练", "a b", "a\n"])(
    "may not be %j, and the rule is told",
    (name) => {
      expect(nameProblem(name, [])).toContain("A name has 1 to 30 characters");
    },
  );

  it("may not be too long or used already", () => {
    expect(nameProblem("a".repeat(300), [])).toContain("this has 300");
    expect(nameProblem("etl", ["etl"])).toContain("already");
  });
});
