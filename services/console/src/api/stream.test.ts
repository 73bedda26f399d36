import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import { openStream, pauseAfter, type StreamState } from "./stream";

/** Stands for the browser's EventSource, driven by the test. */
class Source extends EventTarget {
  static all: Source[] = [];
  onopen: (() => void) | null = null;
  onerror: (() => void) | null = null;
  closed = false;

  constructor() {
    super();
    Source.all.push(this);
  }

  static get last(): Source {
    return Source.all.at(-1) as Source;
  }

  say(name: string, data: string): void {
    this.dispatchEvent(new MessageEvent(name, { data }));
  }

  close(): void {
    this.closed = true;
  }
}

class Page extends EventTarget {
  hidden = false;

  show(visible: boolean): void {
    this.hidden = !visible;
    this.dispatchEvent(new Event("visibilitychange"));
  }
}

let page: Page;
let states: StreamState[];
let heard: [string, unknown][];
let close: () => void;

beforeEach(() => {
  vi.useFakeTimers();
  page = new Page();
  vi.stubGlobal("document", page);
  [Source.all, states, heard] = [[], [], []];
  close = openStream({
    url: "events/stream",
    names: ["instance", "gone"],
    onMessage: (name, data) => heard.push([name, data]),
    onState: (state) => states.push(state),
    open: () => new Source() as unknown as EventSource,
  });
});

afterEach(() => {
  close();
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

describe("a stream", () => {
  it("hands over parsed messages of the names that were asked for", () => {
    Source.last.onopen?.();
    Source.last.say("instance", '{"id": "dsw-a"}');
    Source.last.say("other", '{"id": "dsw-b"}');
    Source.last.say("gone", "not JSON");
    expect(heard).toEqual([
      ["instance", { id: "dsw-a" }],
      ["gone", undefined],
    ]);
    expect(states).toEqual(["connecting", "live"]);
  });

  it("comes back after errors, later each time, and at once is live again", () => {
    Source.last.onerror?.();
    expect(Source.last.closed).toBe(true);
    vi.advanceTimersByTime(pauseAfter(1));
    expect(Source.all).toHaveLength(2);
    Source.last.onerror?.();
    vi.advanceTimersByTime(pauseAfter(2) - 1);
    expect(Source.all).toHaveLength(2);
    vi.advanceTimersByTime(1);
    Source.last.onopen?.();
    expect(states.at(-1)).toBe("live");
    Source.last.onerror?.();
    vi.advanceTimersByTime(pauseAfter(1));
    expect(Source.all).toHaveLength(4);
  });

  it("gives its connection back while the tab is hidden", () => {
    page.show(false);
    expect(Source.last.closed).toBe(true);
    vi.advanceTimersByTime(60_000);
    expect(Source.all).toHaveLength(1);
    page.show(true);
    expect(Source.all).toHaveLength(2);
  });

  it("is silent for good once it was ended", () => {
    Source.last.onerror?.();
    close();
    page.show(true);
    vi.advanceTimersByTime(60_000);
    expect(Source.all).toHaveLength(1);
  });

  it("waits twenty seconds at most", () => {
    expect([1, 2, 3, 99].map(pauseAfter)).toEqual([1_000, 2_000, 4_000, 20_000]);
  });
});
