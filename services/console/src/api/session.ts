/** What to do when the session has ended: sign in again and come back to the same view. */
import { loginUrl } from "./base";

const KEY = "dsw-sign-ins";
const LOOP_MS = 10_000;
const LOOP_TURNS = 3;

/** Go to the login, and come back to this view. */
export function signIn(): void {
  sessionStorage.setItem(KEY, JSON.stringify([...recentSignIns(), Date.now()]));
  window.location.assign(loginUrl(window.location));
}

/**
 * Go to the login because an answer said so. Several times within ten seconds mean that the sign-in
 * does not last (cookies are refused, say): then the page stays and shows that, and runs in no circle.
 */
export function signInUnlessInCircle(): void {
  if (recentSignIns().length < LOOP_TURNS) signIn();
}

function recentSignIns(): number[] {
  const all = JSON.parse(sessionStorage.getItem(KEY) ?? "[]") as number[];
  return all.filter((at) => Date.now() - at < LOOP_MS);
}
