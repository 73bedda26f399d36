import { describe, expect, it } from "vitest";

import type { Instance } from "../api/models";
import { changeOf, environmentIsFixed, mayNeedConsent, needsNewContainer, wishesOf } from "./changes";

const NOW = {
  display_name: "ETL",
  image_id: "img-a",
  spec: { name: "small" },
  resource_group: "local",
  priority: 5,
  code_source: null,
} as Instance;
const SAME = wishesOf(NOW);

describe("a change", () => {
  it("holds only what differs", () => {
    expect(changeOf(NOW, { ...SAME, image: "img-b" })).toEqual({ image: "img-b" });
    expect(changeOf(NOW, { ...SAME, displayName: " Night " })).toEqual({ display_name: "Night" });
    expect(changeOf(NOW, { ...SAME, saveOnStop: true })).toEqual({ save_on_stop: true });
    expect(changeOf(NOW, { ...SAME, group: "gpus", priority: 7, code: "code-a" })).toEqual({
      resource_group: "gpus",
      priority: 7,
      code_source: "code-a",
    });
  });

  it("of the size keeps the place, which control would choose anew", () => {
    expect(changeOf(NOW, { ...SAME, spec: "large" })).toEqual({ spec: "large", resource_group: "local" });
  });

  it("takes the code away by an empty id", () => {
    const with_ = { ...NOW, code_source: "code-a" } as Instance;
    expect(changeOf(with_, { ...wishesOf(with_), code: "" })).toEqual({ code_source: "" });
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
