import { QueryClient } from "@tanstack/react-query";
import { beforeEach, describe, expect, it, vi } from "vitest";

import { drop, keep, readSoon, unlessTold } from "./cache";

let queries: QueryClient;
const ids = (...key: string[]) => queries.getQueryData<{ id: string }[]>(key)?.map(({ id }) => id);

beforeEach(() => {
  queries = new QueryClient();
  queries.setQueryData(["me"], { name: "alice" });
  queries.setQueryData(["instances", "own"], [{ id: "a", owner: "alice", access: null }]);
  queries.setQueryData(["instances", "everybody"], [{ id: "a", owner: "alice" }]);
  queries.setQueryData(["instances", "shared"], [{ id: "s", owner: "bob", access: "view", state: "Stopped" }]);
  queries.setQueryData(["images", "ws-1"], [{ id: "img", owner: "bob" }]);
});

describe("a changed object", () => {
  it("of the user's own is in their list and in everybody's", () => {
    keep(queries, "instances", { id: "b", owner: "alice" });
    expect(ids("instances", "own")).toEqual(["a", "b"]);
    expect(ids("instances", "everybody")).toEqual(["a", "b"]);
  });

  it("of somebody else is in everybody's list only", () => {
    keep(queries, "instances", { id: "c", owner: "bob" });
    expect(ids("instances", "own")).toEqual(["a"]);
    expect(ids("instances", "everybody")).toEqual(["a", "c"]);
    expect(ids("instances", "shared")).toEqual(["s"]);
  });

  it("that is shared with the user changes and keeps the user's access", () => {
    const change = { id: "s", owner: "bob", access: null, state: "Running" };
    keep(queries, "instances", change);
    expect(queries.getQueryData(["instances", "shared"])).toEqual([{ ...change, access: "view" }]);
  });

  it("that is an image is not added to a list that the server has not put it into", () => {
    keep(queries, "images", { id: "new", owner: "alice" });
    expect(ids("images", "ws-1")).toEqual(["img"]);
  });

  it("is taken out of all lists when it is gone, and no list appears by that", () => {
    drop(queries, "a");
    expect(ids("instances", "own")).toEqual([]);
    expect(ids("instances", "everybody")).toEqual([]);
    expect(queries.getQueryData(["snapshots", "own"])).toBeUndefined();
  });
});

describe("a list that was on its way while the stream told of a change", () => {
  const starting = { id: "a", owner: "alice", access: null as string | null, state: "ResourceAllocating" };
  const started = { ...starting, state: "Starting" };

  it("does not bring back the state before it", async () => {
    const read = unlessTold(Promise.resolve([{ ...starting, access: "full" }]));
    keep(queries, "instances", started);
    expect(await read).toEqual([{ ...starting, access: "full", state: "Starting" }]);
  });

  it("does not bring back what is gone", async () => {
    const read = unlessTold(Promise.resolve([starting, { id: "b", owner: "alice" }]));
    drop(queries, "a");
    expect((await read).map(({ id }) => id)).toEqual(["b"]);
  });

  it("is taken as it is where the stream told of it before", async () => {
    keep(queries, "instances", started);
    const running = [{ ...starting, state: "Running" }];
    expect(await unlessTold(Promise.resolve(running))).toEqual(running);
  });
});

describe("a list that depends on others", () => {
  it("is read once for many changes, and again for later ones", () => {
    vi.useFakeTimers();
    const read = vi.spyOn(queries, "invalidateQueries");
    for (let change = 0; change < 20; change += 1) readSoon(queries, "queue");
    readSoon(queries, "groups");
    expect(read).not.toHaveBeenCalled();
    vi.runAllTimers();
    expect(read.mock.calls.map(([filter]) => filter?.queryKey)).toEqual([["queue"], ["groups"]]);
    readSoon(queries, "queue");
    vi.runAllTimers();
    expect(read).toHaveBeenCalledTimes(3);
    vi.useRealTimers();
  });
});
