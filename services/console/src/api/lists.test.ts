import { describe, expect, it } from "vitest";

import { collapseProgress, mergeEvents, upsert, without } from "./lists";
import type { EventLine } from "./models";

const line = (id: number, rest: Partial<EventLine> = {}): EventLine => ({
  id,
  at: "2026-01-01T00:00:00Z",
  object_id: "dsw-a",
  kind: "instance",
  state: "EnvPreparing",
  reason: "",
  message: "",
  percent: null,
  bytes_done: null,
  bytes_total: null,
  ...rest,
});

describe("a list", () => {
  const list = [{ id: "a", n: 1 }, { id: "b", n: 2 }];

  it("takes a changed object in its place and a new one at the end", () => {
    expect(upsert(list, { id: "a", n: 9 })).toEqual([{ id: "a", n: 9 }, { id: "b", n: 2 }]);
    expect(upsert(list, { id: "c", n: 3 }).map(({ id }) => id)).toEqual(["a", "b", "c"]);
    expect(list[0]).toEqual({ id: "a", n: 1 });
  });

  it("loses what is gone and stays the same otherwise", () => {
    expect(without(list, "a")).toEqual([{ id: "b", n: 2 }]);
    expect(without(list, "z")).toBe(list);
  });
});

describe("the history", () => {
  it("is in order and has each event once, however it came", () => {
    expect(mergeEvents([line(1), line(4)], [line(3), line(4), line(5)]).map(({ id }) => id)).toEqual([
      1, 3, 4, 5,
    ]);
  });

  it("stays the same list when nothing is new", () => {
    const known = [line(1), line(2)];
    expect(mergeEvents(known, [line(2)])).toBe(known);
  });

  it("shows a transfer once, by its last report, and keeps what was said", () => {
    const events = [
      line(1, { state: "ResourceAllocating", message: "Admitted." }),
      line(2, { message: "Pulling", bytes_done: 1, bytes_total: 9 }),
      line(3, { message: "Pulling", bytes_done: 5, bytes_total: 9 }),
      line(4, { message: "Pulling", bytes_done: 9, bytes_total: 9 }),
      line(5, { message: "The image is present.", percent: 70 }),
      line(6, { state: "Starting", percent: 80 }),
      line(7, { state: "Starting", percent: 90 }),
    ];
    expect(collapseProgress(events).map(({ id }) => id)).toEqual([1, 4, 5, 7]);
  });
});
