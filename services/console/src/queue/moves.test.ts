import { describe, expect, it } from "vitest";

import type { QueueEntry } from "../api/models";
import { movesOf } from "./moves";

const entry = (id: string, workspace_id = "ws-1", resource_group = "local") =>
  ({ instance_id: id, workspace_id, resource_group }) as QueueEntry;

const LIST = [entry("a"), entry("other", "ws-2"), entry("b"), entry("far", "ws-1", "gpus"), entry("c")];
const before = (id: string) => ({ before: id, last: false });
const LAST = { last: true };

describe("moves in the queue", () => {
  it("go to the places of the same workspace in the same resource group", () => {
    const [a, , b, , c] = LIST;
    expect(movesOf(a!, LIST)).toEqual({ down: before("c"), end: LAST });
    expect(movesOf(b!, LIST)).toEqual({ up: before("a"), front: before("a"), down: LAST, end: LAST });
    expect(movesOf(c!, LIST)).toEqual({ up: before("b"), front: before("a") });
  });

  it("are none for the only one of its workspace, and for one that has left", () => {
    expect(movesOf(LIST[1]!, LIST)).toEqual({});
    expect(movesOf(entry("gone"), LIST)).toEqual({});
  });
});
