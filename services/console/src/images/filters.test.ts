import { describe, expect, it } from "vitest";

import type { Image } from "../api/models";
import { filtered, valuesOf } from "./filters";

const image = (id: string, rest: Partial<Image> = {}, python = ""): Image =>
  ({
    id,
    name: id,
    description: "",
    owner: null,
    reference: "",
    source: "custom",
    visibility: "private",
    use: "instance",
    labels: { framework: "", python, cuda: "", os: "" },
    ...rest,
  }) as Image;

const LIST = [
  image("torch", { visibility: "workspace", description: "For Vision" }, "3.11"),
  image("old", {}, "3.9"),
  image("batch", { use: "job", reference: "registry.example.org/batch:1" }, "3.11"),
];
const ids = (images: Image[]) => images.map(({ id }) => id);

describe("filters of images", () => {
  it("offer each value that there is once, numbers in their order", () => {
    expect(valuesOf(LIST, "python")).toEqual(["3.9", "3.11"]);
    expect(valuesOf(LIST, "cuda")).toEqual([]);
  });

  it("must all fit", () => {
    expect(ids(filtered(LIST, { text: "", python: "3.11" }))).toEqual(["torch", "batch"]);
    expect(ids(filtered(LIST, { text: "", python: "3.11", use: "job" }))).toEqual(["batch"]);
    expect(ids(filtered(LIST, { text: "", python: "3.11", visibility: undefined }))).toHaveLength(2);
  });

  it("find a text in name, description, reference and labels", () => {
    expect(ids(filtered(LIST, { text: " vision " }))).toEqual(["torch"]);
    expect(ids(filtered(LIST, { text: "EXAMPLE.org" }))).toEqual(["batch"]);
    expect(ids(filtered(LIST, { text: "3.9" }))).toEqual(["old"]);
  });
});
