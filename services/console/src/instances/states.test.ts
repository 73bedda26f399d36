import { describe, expect, it } from "vitest";

import document from "../../openapi.json";
import { allowedIn, canStart, isStarting, isUp, lookOf, startPercent, wordsOf } from "./states";

const STATES = document.components.schemas.InstanceState.enum;
type State = Parameters<typeof allowedIn>[0]["state"];

describe("states of an instance", () => {
  it.each(STATES)("%s has words of its own and something that can be done or awaited", (state) => {
    expect(lookOf(state).label).toMatch(/^[A-Z]/);
    expect(lookOf(state).label).not.toMatch(/[a-z][A-Z]/);
    const { open, start, stop } = allowedIn({ state: state as State });
    expect(open && start).toBe(false);
    expect(start && stop).toBe(false);
    expect(isUp(state) && isStarting(state)).toBe(false);
  });

  it("shows a state of a newer server as it is", () => {
    expect(lookOf("Hibernating")).toEqual({ label: "Hibernating", tone: "idle" });
  });

  it("starts only from Stopped and Failed, and saves only what has a container and is not being saved", () => {
    const having = (what: "start" | "save") =>
      STATES.filter((state) => allowedIn({ state: state as State })[what]);
    expect(having("start").sort()).toEqual(["Failed", "Stopped"]);
    expect(having("save").sort()).toEqual(["Running", "SaveFailed"]);
    expect(allowedIn({ state: "Stopped", started_at: "2026-01-01T00:00:00Z" }).save).toBe(true);
    expect(allowedIn({ state: "Stopped", started_at: null }).save).toBe(false);
  });

  it("shows a start that only moves forward, and a pull within its part of it", () => {
    const at = (state: State, percent: number | null = null) => startPercent({ state, percent });
    const way = [
      at("Creating"),
      at("ResourceAllocating"),
      at("EnvPreparing"),
      at("EnvPreparing", 50),
      at("EnvPreparing", 100),
      at("Starting"),
    ];
    expect(way).toEqual([5, 10, 10, 35, 60, 65]);
  });

  it("lets nobody act on what is being deleted", () => {
    expect(Object.values(allowedIn({ state: "Deleting" }))).not.toContain(true);
  });
});

describe("the words of an instance", () => {
  const queue = { place: 2, ahead: 1, waiting_for: "1 GPU in local; 0 of 4 free", estimate_seconds: 1200 };

  it("are its place and what it waits for, as long as it waits", () => {
    expect(wordsOf({ state: "Queuing", message: "Waiting.", queue })).toMatchObject({
      label: "Queuing, place 2",
      text: "Waits for 1 GPU in local; 0 of 4 free; 1 ahead; about 20 min",
    });
  });

  it("are its state and its message otherwise", () => {
    expect(wordsOf({ state: "Running", message: "Up.", queue })).toMatchObject({ label: "Running", text: "Up." });
    expect(wordsOf({ state: "Queuing", message: "Its turn comes." })).toMatchObject({
      label: "Queuing",
      text: "Its turn comes.",
    });
  });
});

describe("an image", () => {
  it("can be started from when it is there and not for jobs only", () => {
    expect(canStart({ available: true, use: "instance" })).toBe(true);
    expect(canStart({ available: true, use: "unknown" })).toBe(true);
    expect(canStart({ available: true, use: "job" })).toBe(false);
    expect(canStart({ available: false, use: "instance" })).toBe(false);
  });
});
