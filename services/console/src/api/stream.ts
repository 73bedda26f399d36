/**
 * A stream of server-sent events that comes back by itself: after errors, when a hidden tab is
 * shown again, and when it falls silent. The last is why it is not an `EventSource`: a proxy may
 * keep the browser's side open after control is gone, and only the missing pings tell.
 */
import { EventParser } from "./eventParser";

export type StreamState = "connecting" | "live" | "lost";

export interface StreamOptions {
  url: string;
  onMessage: (event: string, data: unknown) => void;
  onState: (state: StreamState) => void;
}

const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 20_000;
/** Control sends a ping every fifteen seconds. */
export const SILENCE_MS = 25_000;

/** Pause before the next try, after so many failures in a row. */
export const pauseAfter = (failures: number): number =>
  Math.min(FIRST_PAUSE_MS * 2 ** Math.max(failures - 1, 0), LONGEST_PAUSE_MS);

/** Opens the stream; the answer ends it. A hidden tab gives its connection back to the browser. */
export function openStream({ url, onMessage, onState }: StreamOptions): () => void {
  let current: AbortController | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let failures = 0;
  let lastId = "";

  async function connect(): Promise<void> {
    disconnect();
    onState(failures ? "lost" : "connecting");
    const own = new AbortController();
    current = own;
    // However it ends, it is over: an end without an error is one as well.
    await listen(own).catch(() => undefined);
    if (own !== current) return;
    failures += 1;
    onState("lost");
    timer = setTimeout(connect, pauseAfter(failures));
  }

  async function listen(own: AbortController): Promise<void> {
    let silence = setTimeout(() => own.abort(), SILENCE_MS);
    try {
      const headers = { Accept: "text/event-stream", ...(lastId && { "Last-Event-ID": lastId }) };
      const answer = await fetch(url, { headers, cache: "no-store", signal: own.signal });
      if (!answer.ok || !answer.body) return;
      failures = 0;
      onState("live");
      const parser = new EventParser();
      const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
      for (let part = await reader.read(); !part.done; part = await reader.read()) {
        clearTimeout(silence);
        silence = setTimeout(() => own.abort(), SILENCE_MS);
        for (const { event, data, id } of parser.push(part.value)) {
          lastId = id || lastId;
          onMessage(event, parsed(data));
        }
      }
    } finally {
      clearTimeout(silence);
    }
  }

  function disconnect(): void {
    clearTimeout(timer);
    const last = current;
    current = undefined;
    last?.abort();
  }

  function onVisibility(): void {
    if (document.hidden) disconnect();
    else void connect();
  }

  document.addEventListener("visibilitychange", onVisibility);
  onVisibility();
  return () => {
    document.removeEventListener("visibilitychange", onVisibility);
    disconnect();
  };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
