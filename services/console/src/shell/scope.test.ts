import { describe, expect, it } from "vitest";

import type { Workspace } from "../api/models";
import { chosenOf, isShown, where } from "./scope";

const one = { id: "ws-1", actions: ["queue.read"] } as unknown as Workspace;
const two = { id: "ws-2", actions: [] } as unknown as Workspace;

describe("the chosen workspace", () => {
  it("is the remembered one as long as the user is in it, and all otherwise", () => {
    expect(chosenOf([one, two], "ws-2")).toBe(two);
    expect(chosenOf([one, two], "ws-left")).toBeUndefined();
    expect(chosenOf([one, two], null)).toBeUndefined();
  });

  it("is the only one where there is no choice", () => {
    expect(chosenOf([one], null)).toBe(one);
    expect(chosenOf([], "ws-1")).toBeUndefined();
  });

  it("decides what is shown", () => {
    expect(isShown({ chosen: one }, "ws-1")).toBe(true);
    expect(isShown({ chosen: one }, "ws-2")).toBe(false);
    expect(isShown({ chosen: undefined }, "ws-2")).toBe(true);
  });

  it("decides where something can be done", () => {
    const workspaces = [one, two];
    expect(where({ chosen: undefined, workspaces }, "queue.read")).toEqual([one]);
    expect(where({ chosen: two, workspaces }, "queue.read")).toEqual([]);
  });
});
