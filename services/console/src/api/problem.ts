/** What went wrong, as a sentence for people: from problem documents, proxies and dead networks. */

export class Problem extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    detail: string,
    /** The part of the detail that says what to do, in words for programs and people. */
    readonly hint = "",
  ) {
    super(detail);
    this.name = "Problem";
  }

  /** No answer from control itself: the network, or a proxy in front that reaches nobody. */
  get isLostConnection(): boolean {
    return this.code === "unreachable";
  }

  /** What was wrong, for a place that offers what to do by itself. */
  get statement(): string {
    return this.hint ? this.message.replace(this.hint, "").trim() : this.message;
  }

  get isSignedOut(): boolean {
    return this.status === 401;
  }
}

const UNREACHABLE = "The workbench does not answer at the moment. Check your network, then try again.";
const GATEWAY = new Set([502, 503, 504]);

export function unreachable(): Problem {
  return new Problem(0, "unreachable", UNREACHABLE);
}

/** The problem that an unsuccessful answer describes; `body` is parsed JSON, a text or nothing. */
export function problemOf(status: number, body: unknown): Problem {
  if (isRecord(body) && typeof body.detail === "string" && body.detail) {
    return new Problem(status, text(body.code) || "unknown", body.detail, text(body.hint));
  }
  if (GATEWAY.has(status)) return new Problem(status, "unreachable", UNREACHABLE);
  return new Problem(status, "unknown", sentenceFor(status));
}

/** Whether control looked at what was sent and refused it, so that the sentence belongs beside it. */
export const wasRefused = (error: unknown): boolean =>
  error instanceof Problem && (error.status === 409 || error.status === 422 || error.status === 400);

/** The sentence to show for anything that was thrown. */
export function sentenceOf(error: unknown): string {
  return error instanceof Problem
    ? error.message
    : "The console met a problem that it does not know. Reload the page; if it stays, tell your administrator.";
}

function sentenceFor(status: number): string {
  if (status === 401) return "Your session has ended. Sign in again.";
  if (status === 403) return "You may not do this. Ask the owner of the workspace.";
  if (status === 404) return "This no longer exists. Reload the page.";
  if (status === 413) return "What was sent is too large.";
  if (status === 429) return "Too many requests at once. Wait a moment and try again.";
  return "The workbench could not do this. Try again; if it stays, tell your administrator.";
}

const text = (value: unknown): string => (typeof value === "string" ? value : "");

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}
