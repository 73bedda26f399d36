import { describe, expect, it } from "vitest";

import type { Instance } from "../api/models";
import { changeOf, environmentIsFixed, mayNeedConsent, needsNewContainer } from "./changes";

const NOW = { display_name: "ETL", image_id: "img-a", spec: { name: "small" } } as Instance;
const SAME = { displayName: "ETL", image: "img-a", spec: "small" };

describe("a change", () => {
  it("holds only what differs", () => {
    expect(changeOf(NOW, { ...SAME, spec: "large" })).toEqual({ spec: "large" });
    expect(changeOf(NOW, { ...SAME, displayName: " Night " })).toEqual({ display_name: "Night" });
    expect(changeOf(NOW, { displayName: "X", image: "img-b", spec: "large" })).toEqual({
      display_name: "X",
      image: "img-b",
      spec: "large",
    });
  });

  it("is none when nothing differs or the name is empty", () => {
    expect(changeOf(NOW, { ...SAME, displayName: " ETL " })).toBeUndefined();
    expect(changeOf(NOW, { ...SAME, displayName: " ", spec: "large" })).toBeUndefined();
  });

  it("may cost what was installed only when it changes image or size", () => {
    expect(mayNeedConsent({ spec: "large" })).toBe(true);
    expect(mayNeedConsent({ image: "img-b" })).toBe(true);
    expect(mayNeedConsent({ display_name: "X" })).toBe(false);
    expect(mayNeedConsent(undefined)).toBe(false);
  });

  it("of image or size waits until the instance is at rest", () => {
    expect(environmentIsFixed({ state: "Running" })).toBe(true);
    expect(environmentIsFixed({ state: "Stopped" })).toBe(false);
    expect(environmentIsFixed({ state: "Failed" })).toBe(false);
  });

  it("is asked for when the old container does not fit any more", () => {
    const failed = { state: "Failed", reason: "NeedsNewContainer" } as const;
    expect(needsNewContainer(failed)).toBe(true);
    expect(needsNewContainer({ ...failed, reason: "ImageGone" })).toBe(false);
    expect(needsNewContainer({ ...failed, state: "Running" })).toBe(false);
  });
});
