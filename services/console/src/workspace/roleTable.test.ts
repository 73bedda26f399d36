import { describe, expect, it } from "vitest";

import document from "../../openapi.json";
import type { Action, Role } from "../api/models";
import { ACTIONS, mayGive, roleNameProblem, topicsOf } from "./roleTable";

const EVERY = document.components.schemas.Action.enum as Action[];
const PLATFORM: Action[] = [
  "workspace.create",
  "workspace.archive",
  "quota.change",
  "image.publish",
  "platform.read",
];
const role = (name: string, actions: Action[], builtin = true): Role => ({
  name,
  actions,
  builtin,
  description: "",
});
const highest = role("highest", EVERY.filter((action) => !PLATFORM.includes(action)));

describe("the table of roles", () => {
  it("has words for every action of the API, each its own", () => {
    expect(Object.keys(ACTIONS).sort()).toEqual([...EVERY].sort());
    expect(new Set(Object.values(ACTIONS)).size).toBe(EVERY.length);
  });

  it("shows each action that a role can have once, and none that no role can have", () => {
    const shown = topicsOf([highest]).flatMap(({ actions }) => actions);
    expect([...shown, "me.read", "ssh-key.own"].sort()).toEqual([...highest.actions].sort());
  });

  it("does not take a workspace's own roles for what is possible", () => {
    const shown = topicsOf([role("guest", ["image.read"]), role("odd", ["code.read"], false)]);
    expect(shown).toEqual([{ title: "Images", actions: ["image.read"] }]);
  });
});

describe("a role", () => {
  it("is given by those who may do all that it allows", () => {
    const mine = { actions: ["image.read", "image.add"] as Action[] };
    expect(mayGive(role("a", ["image.read"]), mine)).toBe(true);
    expect(mayGive(role("a", ["image.read", "image.delete"]), mine)).toBe(false);
  });

  it.each([
    ["reviewer", undefined],
    ["", /1 to 30/],
    ["Reviewer", /1 to 30/],
    ["a".repeat(31), /1 to 30/],
    ["guest", /There is/],
  ])("named %j can be made or not", (name, problem) => {
    const found = roleNameProblem(name, [{ name: "guest" }]);
    if (problem) expect(found).toMatch(problem);
    else expect(found).toBeUndefined();
  });
});
