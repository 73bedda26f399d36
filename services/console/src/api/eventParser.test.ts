import { describe, expect, it } from "vitest";

import { EventParser } from "./eventParser";

const TEXT =
  ': listening\n\nevent: instance\nid: 7\ndata: {"a": 1}\n\n: ping\r\n\r\nevent: gone\r\ndata: x\r\ndata: y\r\n\r\ndata:z\n\n';

const MESSAGES = [
  { event: "instance", id: "7", data: '{"a": 1}' },
  { event: "gone", id: "", data: "x\ny" },
  { event: "message", id: "", data: "z" },
];

describe("a text of events", () => {
  it.each([1, 2, 3, 5, 7, 64, TEXT.length])("is the same messages in pieces of %i", (size) => {
    const parser = new EventParser();
    const messages = [];
    for (let start = 0; start < TEXT.length; start += size) {
      messages.push(...parser.push(TEXT.slice(start, start + size)));
    }
    expect(messages).toEqual(MESSAGES);
  });

  it("gives nothing for comments, fields without data and what is not complete", () => {
    const parser = new EventParser();
    expect(parser.push(": ping\n\nevent: instance\n\ndata: half")).toEqual([]);
    expect(parser.push("\n\n")).toEqual([{ event: "message", id: "", data: "half" }]);
  });
});
