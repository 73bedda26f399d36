/** How the console speaks to the API: XSRF header, time limit, one error type, and the sign-in. */
import createClient from "openapi-fetch";

import { apiUrl } from "./base";
import { connection } from "./connection";
import { Problem, problemOf, unreachable } from "./problem";
import type { paths } from "./schema";
import { signInUnlessInCircle } from "./session";
import { xsrfToken } from "./xsrf";

const TIME_LIMIT_MS = 30_000;
/** A piece of a file takes long on a slow line. */
const SLOW_LIMIT_MS = 600_000;
const SAFE = new Set(["GET", "HEAD", "OPTIONS"]);

export const client = createClient<paths>({
  baseUrl: apiUrl(""),
  credentials: "same-origin",
  fetch: (request) => send(request, TIME_LIMIT_MS),
});

export const sendSlowly = (request: Request): Promise<Response> => send(request, SLOW_LIMIT_MS);

async function send(request: Request, limit: number): Promise<Response> {
  const token = xsrfToken(document.cookie);
  if (token && !SAFE.has(request.method)) request.headers.set("X-DSW-XSRF", token);
  const signal = AbortSignal.any([request.signal, AbortSignal.timeout(limit)]);
  try {
    return await fetch(request, { signal });
  } catch (error) {
    // react-query aborts what nobody waits for any more; that says nothing about the network.
    if (request.signal.aborted) throw error;
    connection.report(false);
    throw unreachable();
  }
}

interface Answer<T> {
  data?: T | undefined;
  error?: unknown;
  response: Response;
}

/** The data of a successful answer; throws a `Problem` otherwise. */
export async function unwrap<T>(pending: Promise<Answer<T>>): Promise<T> {
  const { data, error, response } = await pending;
  if (response.ok) {
    connection.report(true);
    return data as T;
  }
  const problem = problemOf(response.status, error);
  connection.report(!problem.isLostConnection);
  if (problem.isSignedOut) signInUnlessInCircle();
  throw problem;
}

export interface Tagged<T> {
  data: T;
  /** The ETag, to be sent as `If-Match` with a change. */
  tag: string | null;
}

/** The data of a successful answer with its tag; throws a `Problem` otherwise. */
export async function unwrapTagged<T>(pending: Promise<Answer<T>>): Promise<Tagged<T>> {
  const data = await unwrap(pending);
  return { data, tag: (await pending).response.headers.get("ETag") };
}

export const mayHelpToRetry = (failures: number, error: unknown): boolean =>
  failures < 2 && error instanceof Problem && error.status >= 500;
