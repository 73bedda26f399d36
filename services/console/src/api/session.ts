/** What to do when the session has ended: sign in again and come back to the same view. */
import { loginUrl } from "./base";

const KEY = "dsw-last-sign-in";
const LOOP_MS = 10_000;

/** Go to the login, and come back to this view. */
export function signIn(): void {
  sessionStorage.setItem(KEY, String(Date.now()));
  window.location.assign(loginUrl(window.location));
}

/**
 * Go to the login because an answer said so. Twice within ten seconds means that the sign-in does
 * not last (cookies are refused, say): then the page stays and shows that, and runs in no circle.
 */
export function signInUnlessJustDone(): void {
  const last = Number(sessionStorage.getItem(KEY) ?? 0);
  if (Date.now() - last >= LOOP_MS) signIn();
}
