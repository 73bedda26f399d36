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
    expect(progressOf(snapshot({ state: "Saved", bytes_done: 1024 })).percent).toBe(100);
  });

  it("is found by its instance only while it runs", () => {
    const running = snapshot({ id: "snap-b" });
    expect(activeOf([snapshot({ state: "Saved" }), running], "dsw-a")).toBe(running);
    expect(activeOf([running], "dsw-b")).toBeUndefined();
  });
});
