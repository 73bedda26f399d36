import { describe, expect, it } from "vitest";

import { hrefOf, parseRoute } from "./route";

describe("a route", () => {
  it.each([
    ["", "instances", undefined, undefined],
    ["#/", "instances", undefined, undefined],
    ["#/nowhere/x", "instances", undefined, undefined],
    ["#/images", "images", undefined, undefined],
    ["#/images/img-a", "images", "img-a", undefined],
    ["#/instances/new/img-a", "instances", "new", "img-a"],
    ["#/images/%E0%A4%A", "images", undefined, undefined],
  ])("in %j is read", (hash, page, id, extra) => {
    expect(parseRoute(hash)).toEqual({ page, id, extra });
  });

  it("is read as it was written, whatever the id holds", () => {
    expect(parseRoute(hrefOf("images", "a/b c#%"))).toMatchObject({ page: "images", id: "a/b c#%" });
    expect(hrefOf("snapshots")).toBe("#/snapshots");
  });
});
