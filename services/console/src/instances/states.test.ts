import { describe, expect, it } from "vitest";

import document from "../../openapi.json";
import { allowedIn, isStarting, isUp, lookOf, startPercent } from "./states";

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
