import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import { openStream, pauseAfter, SILENCE_MS, type StreamState } from "./stream";

/** One connection, whose server is the test. */
class Connection {
  static all: Connection[] = [];
  readonly headers: Record<string, string>;
  readonly signal: AbortSignal;
  readonly answer: Promise<Response>;
  private accept!: (answer: Response) => void;
  private body!: ReadableStreamDefaultController<Uint8Array>;

  constructor(init: RequestInit) {
    this.headers = init.headers as Record<string, string>;
    this.signal = init.signal as AbortSignal;
    this.answer = new Promise((resolve, reject) => {
      this.accept = resolve;
      this.signal.addEventListener("abort", () => reject(new Error("aborted")));
    });
    Connection.all.push(this);
  }

  static get last(): Connection {
    return Connection.all.at(-1) as Connection;
  }

  async open(): Promise<void> {
    const body = new ReadableStream<Uint8Array>({ start: (controller) => void (this.body = controller) });
    this.signal.addEventListener("abort", () => this.body.error(new Error("aborted")));
    this.accept(new Response(body));
    await settle();
  }

  async say(text: string): Promise<void> {
    this.body.enqueue(new TextEncoder().encode(text));
    await settle();
  }

  async end(): Promise<void> {
    this.body.close();
    await settle();
  }

  async refuse(status: number): Promise<void> {
    this.accept(new Response(null, { status }));
    await settle();
  }
}

class Page extends EventTarget {
  hidden = false;

  show(visible: boolean): void {
    this.hidden = !visible;
    this.dispatchEvent(new Event("visibilitychange"));
  }
}

/** Lets promises and web streams do what they can do now. */
const settle = () => vi.advanceTimersByTimeAsync(0);
const later = (ms: number) => vi.advanceTimersByTimeAsync(ms);

let page: Page;
let states: StreamState[];
let heard: [string, unknown][];
let close: () => void;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  page = new Page();
  vi.stubGlobal("document", page);
  vi.stubGlobal("fetch", (_: string, init: RequestInit) => new Connection(init).answer);
  [Connection.all, states, heard] = [[], [], []];
  close = openStream({
    url: "events/stream",
    onMessage: (name, data) => heard.push([name, data]),
    onState: (state) => states.push(state),
  });
});

afterEach(() => {
  close();
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

describe("a stream", () => {
  it("hands over parsed messages as they come", async () => {
    await Connection.last.open();
    await Connection.last.say('event: instance\ndata: {"id": "dsw-a"}\n\nevent: go');
    await Connection.last.say("ne\ndata: not JSON\n\n");
    await vi.waitFor(() =>
      expect(heard).toEqual([
        ["instance", { id: "dsw-a" }],
        ["gone", undefined],
      ]),
    );
    expect(states).toEqual(["connecting", "live"]);
  });

  it("comes back after a refusal, later each time, until it is live again", async () => {
    await Connection.last.refuse(503);
    expect(states.at(-1)).toBe("lost");
    await later(pauseAfter(1));
    await Connection.last.refuse(503);
    await later(pauseAfter(2) - 1);
    expect(Connection.all).toHaveLength(2);
    await later(1);
    expect(Connection.all).toHaveLength(3);
    await Connection.last.open();
    expect(states.at(-1)).toBe("live");
  });

  it("goes on from the last id when the server has ended it", async () => {
    await Connection.last.open();
    await Connection.last.say("id: 41\ndata: 1\n\n");
    await vi.waitFor(() => expect(heard).toHaveLength(1));
    await Connection.last.end();
    await vi.waitFor(() => expect(states.at(-1)).toBe("lost"));
    await later(pauseAfter(1));
    expect(Connection.last.headers["Last-Event-ID"]).toBe("41");
  });

  it("takes silence for a dead connection, and pings for a living one", async () => {
    await Connection.last.open();
    await later(SILENCE_MS - 1);
    await Connection.last.say(": ping\n\n");
    await later(SILENCE_MS - 1);
    expect(Connection.all).toHaveLength(1);
    await later(1);
    await vi.waitFor(() => expect(states.at(-1)).toBe("lost"));
    await later(pauseAfter(1));
    expect(Connection.all).toHaveLength(2);
  });

  it("gives its connection back while the tab is hidden", async () => {
    await Connection.last.open();
    page.show(false);
    expect(Connection.last.signal.aborted).toBe(true);
    await later(60_000);
    expect(Connection.all).toHaveLength(1);
    page.show(true);
    expect(Connection.all).toHaveLength(2);
  });

  it("is silent for good once it was ended", async () => {
    await Connection.last.refuse(500);
    close();
    page.show(true);
    await later(60_000);
    expect(Connection.all).toHaveLength(1);
  });

  it("waits twenty seconds at most", () => {
    expect([1, 2, 3, 99].map(pauseAfter)).toEqual([1_000, 2_000, 4_000, 20_000]);
  });
});
