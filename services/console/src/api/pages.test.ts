import { describe, expect, it } from "vitest";

import { everyItem, type Cursor } from "./pages";

describe("a list in pages", () => {
  it("is read to its end, each page by the cursor of the one before", async () => {
    const asked: Cursor[] = [];
    const items = await everyItem(async (cursor) => {
      asked.push(cursor);
      return { items: [asked.length], next: asked.length < 3 ? `after-${asked.length}` : null };
    });
    expect(items).toEqual([1, 2, 3]);
    expect(asked).toEqual([null, "after-1", "after-2"]);
  });

  it("that fails on the way gives no half of itself", async () => {
    const read = async (cursor: Cursor) => {
      if (cursor) throw new Error("gone");
      return { items: [1], next: "more" };
    };
    await expect(everyItem(read)).rejects.toThrow("gone");
  });
});
