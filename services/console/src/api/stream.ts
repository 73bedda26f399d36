/** A stream of server-sent events that comes back by itself: after errors, and when the tab does. */

export type StreamState = "connecting" | "live" | "lost";

export interface StreamOptions {
  url: string;
  names: readonly string[];
  onMessage: (name: string, data: unknown) => void;
  onState: (state: StreamState) => void;
  open?: (url: string) => EventSource;
}

const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 20_000;

/** Pause before the next try, after so many failures in a row. */
export const pauseAfter = (failures: number): number =>
  Math.min(FIRST_PAUSE_MS * 2 ** Math.max(failures - 1, 0), LONGEST_PAUSE_MS);

/** Opens the stream; the answer ends it. A hidden tab gives its connection back to the browser. */
export function openStream(options: StreamOptions): () => void {
  const { url, names, onMessage, onState } = options;
  const open = options.open ?? ((address: string) => new EventSource(address));
  let source: EventSource | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let failures = 0;

  function connect(): void {
    disconnect();
    onState(failures ? "lost" : "connecting");
    const current = open(url);
    source = current;
    current.onopen = () => {
      failures = 0;
      onState("live");
    };
    current.onerror = () => {
      // The browser's own retries stop for good at an HTTP error, so all retries are made here.
      failures += 1;
      current.close();
      onState("lost");
      timer = setTimeout(connect, pauseAfter(failures));
    };
    for (const name of names) {
      current.addEventListener(name, (event) => onMessage(name, parsed(event.data)));
    }
  }

  function disconnect(): void {
    clearTimeout(timer);
    source?.close();
    source = undefined;
  }

  function onVisibility(): void {
    if (document.hidden) disconnect();
    else connect();
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
