import { describe, expect, it } from "vitest";

import { Problem, problemOf, sentenceOf, unreachable } from "./problem";

describe("a problem", () => {
  it("says what control said, word for word", () => {
    const detail = "1 GPU asked for, 0 free. Take a smaller spec.";
    const hint = "Take a smaller spec.";
    const problem = problemOf(409, { code: "quota_exceeded", status: 409, detail, hint });
    expect(sentenceOf(problem)).toBe(detail);
    expect(problem.statement).toBe("1 GPU asked for, 0 free.");
    expect([problem.status, problem.code]).toEqual([409, "quota_exceeded"]);
  });

  it.each([400, 401, 403, 404, 413, 418, 429, 500])(
    "is a sentence without numbers even when the answer %i has no document",
    (status) => {
      expect(sentenceOf(problemOf(status, "<h1>oops</h1>"))).toMatch(/^[A-Z][^0-9<>]+\.$/);
    },
  );

  it("of a proxy that reaches nobody is a lost connection, control's own is not", () => {
    expect(problemOf(503, "<html>").isLostConnection).toBe(true);
    expect(problemOf(503, { detail: "The hub does not answer.", code: "unavailable" }).isLostConnection).toBe(
      false,
    );
    expect(unreachable().isLostConnection).toBe(true);
  });

  it("of an unknown kind is told without its internals", () => {
    expect(sentenceOf(new TypeError("x is undefined"))).not.toContain("undefined");
    expect(new Problem(401, "not_authenticated", "Log in.").isSignedOut).toBe(true);
  });
});
