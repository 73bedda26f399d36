import { describe, expect, it } from "vitest";

import { estimateText, waitingText } from "./queueText";

describe("an estimate", () => {
  it.each([
    [null, ""],
    [0, "less than a minute"],
    [59, "less than a minute"],
    [60, "about 1 min"],
    [1190, "about 20 min"],
    [3600, "about 1 h"],
    [5400, "about 1.5 h"],
    [90_000, "about 25 h"],
  ])("of %s seconds reads %j", (seconds, text) => {
    expect(estimateText(seconds)).toBe(text);
  });
});

describe("waiting", () => {
  const for_ = "1 GPU of type A100 in resource group local; 0 of 4 free";

  it("names what it waits for, who is ahead and how long it may take", () => {
    expect(waitingText({ waiting_for: for_, ahead: 2, estimate_seconds: 1200 })).toBe(
      `${for_}; 2 ahead; about 20 min`,
    );
  });

  it("leaves out what is not known or not so", () => {
    expect(waitingText({ waiting_for: for_, ahead: 0, estimate_seconds: null })).toBe(for_);
  });
});
