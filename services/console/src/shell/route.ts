/** Which view is shown, kept in the address after `#`, so that links, reload and back work. */
import { useSyncExternalStore } from "react";

export const PAGES = ["instances", "images", "datasets", "snapshots", "queue", "workspace", "platform", "ssh-keys"] as const;
export type Page = (typeof PAGES)[number];

export interface Route {
  page: Page;
  /** Object that is open on the page, or `new`; the workspace of that page; a tab of the platform. */
  id: string | undefined;
  /** What comes with it: the image that a new instance starts from, the tab of a workspace. */
  extra: string | undefined;
}

/** `#/images/img-abc` and so on; anything unknown is the list of instances. */
export function parseRoute(hash: string): Route {
  const [page, id, extra] = hash.replace(/^#?\/?/, "").split("/").map(decoded);
  const known = PAGES.find((name) => name === page);
  return known
    ? { page: known, id: id || undefined, extra: extra || undefined }
    : { page: "instances", id: undefined, extra: undefined };
}

export const hrefOf = (page: Page, id?: string, extra?: string): string =>
  `#/${[page, id, extra].filter((part) => part !== undefined).map(encodeURIComponent).join("/")}`;

export function goTo(page: Page, id?: string, extra?: string): void {
  window.location.hash = hrefOf(page, id, extra);
}

export function useRoute(): Route {
  return parseRoute(useSyncExternalStore(onHash, () => window.location.hash));
}

/**
 * The route as long as it is this page's. A page is still shown for a moment after the address has
 * changed, and must not take the next page's object for its own.
 */
export function usePageRoute(page: Page): Omit<Route, "page"> {
  const route = useRoute();
  return route.page === page ? route : { id: undefined, extra: undefined };
}

function onHash(tell: () => void): () => void {
  window.addEventListener("hashchange", tell);
  return () => window.removeEventListener("hashchange", tell);
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return "";
  }
}
