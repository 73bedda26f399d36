import { describe, expect, it } from "vitest";

import type { Dataset } from "../api/models";
import { filtered, valuesOf } from "./filters";

const dataset = (name: string, rest: Partial<Dataset>) =>
  ({ name, description: "", labels: {}, kind: "file", visibility: "private", owner: "ada", uri: "", ...rest }) as Dataset;

const ALL = [
  dataset("imagenet", { kind: "s3", uri: "s3://pictures/imagenet", labels: { task: "vision" } }),
  dataset("speech", { description: "Read aloud", labels: { task: "audio", raw: "" } }),
  dataset("models", { kind: "git", visibility: "public", owner: "bob" }),
];

const names = (filters: Parameters<typeof filtered>[1]) => filtered(ALL, filters).map(({ name }) => name);

describe("datasets", () => {
  it("are found by any text that people see", () => {
    expect(names({ text: "" })).toHaveLength(3);
    expect(names({ text: " ALOUD " })).toEqual(["speech"]);
    expect(names({ text: "pictures" })).toEqual(["imagenet"]);
    expect(names({ text: "bob" })).toEqual(["models"]);
    expect(names({ text: "task=audio" })).toEqual(["speech"]);
  });

  it("are narrowed by kind, who sees them, and labels", () => {
    expect(names({ text: "", kind: "git" })).toEqual(["models"]);
    expect(names({ text: "", visibility: "private", label: "task=vision" })).toEqual(["imagenet"]);
    expect(valuesOf(ALL, "label")).toEqual(["raw", "task=audio", "task=vision"]);
    expect(valuesOf(ALL, "kind")).toEqual(["file", "git", "s3"]);
  });
});
