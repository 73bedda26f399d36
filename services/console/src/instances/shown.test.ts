import { describe, expect, it } from "vitest";

import type { Instance } from "../api/models";
import { matches, together } from "./shown";

const instance = (id: string, day: number, rest: Partial<Instance> = {}) =>
  ({ id, created_at: `2026-01-0${day}T00:00:00Z`, access: null, ...rest }) as Instance;

describe("the shown instances", () => {
  it("stand once, the newest first, and a shared one with the user's access", () => {
    const [mine, theirs] = [instance("mine", 1), instance("theirs", 2)];
    const shared = { ...theirs, access: "view" } as Instance;
    const shown = together([mine], [shared], [mine, theirs, instance("other", 3)]);
    expect(shown.map(({ id }) => id)).toEqual(["other", "theirs", "mine"]);
    expect(shown[1]).toBe(shared);
  });

  it("are found by name, owner, image, size and state", () => {
    const item = instance("a", 1, {
      name: "etl",
      display_name: "Nightly",
      owner: "alice",
      image_name: "base",
      state: "Queuing",
      spec: { name: "small" } as Instance["spec"],
    });
    for (const text of ["etl", " NIGHT", "alice", "base", "queuing", "small", ""]) {
      expect(matches(item, text)).toBe(true);
    }
    expect(matches(item, "bob")).toBe(false);
  });
});
