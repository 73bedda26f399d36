import { describe, expect, it } from "vitest";

import document from "../../openapi.json";
import type { Snapshot } from "../api/models";
import { activeOf, hasEnded, progressOf, snapshotLook } from "./states";

const STATES = document.components.schemas.SnapshotState.enum as Snapshot["state"][];
const snapshot = (rest: Partial<Snapshot>): Snapshot =>
  ({ id: "snap-a", instance_id: "dsw-a", state: "Copying", bytes_done: 0, bytes_total: null, ...rest }) as Snapshot;

describe("a snapshot", () => {
  it("pulses in every state but its three ends", () => {
    const ends = STATES.filter((state) => hasEnded({ state }));
    expect(ends.sort()).toEqual(["Cancelled", "Failed", "Saved"]);
    for (const state of STATES) {
      expect(snapshotLook(state).tone === "busy").toBe(!ends.includes(state));
    }
  });

  it("tells how far it is as soon as that is known", () => {
    expect(progressOf(snapshot({ state: "Preparing" }))).toEqual({ percent: undefined, text: "" });
    expect(progressOf(snapshot({ bytes_done: 512, bytes_total: 1024 }))).toEqual({
      percent: 50,
      text: "512 B of 1 KiB",
    });
    expect(progressOf(snapshot({ state: "Saved", bytes_done: 1024 }))).toEqual({ percent: 100, text: "1 KiB" });
  });

  it("tells its rate and the time left while it runs, and at the end how long it paused", () => {
    const moving = snapshot({ bytes_done: 512, bytes_total: 1024, rate: 3 * 1024, seconds_left: 75 });
    expect(progressOf(moving).text).toBe("512 B of 1 KiB · 3 KiB/s · 1 min 15 s left");
    expect(progressOf(snapshot({ bytes_done: 1, bytes_total: 2, seconds_left: 0 })).text).toContain("0 s left");
    const saved = snapshot({ state: "Saved", bytes_done: 1024, frozen_ms: 128 });
    expect(progressOf(saved).text).toBe("1 KiB · paused for 0.13 s");
  });

  it("is found by its instance only while it runs", () => {
    const running = snapshot({ id: "snap-b" });
    expect(activeOf([snapshot({ state: "Saved" }), running], "dsw-a")).toBe(running);
    expect(activeOf([running], "dsw-b")).toBeUndefined();
  });
});
