/** Where the API, the login and the hub are, derived from the address of this page. */

const page = () => new URL(".", document.baseURI);

/** Address of an API route, without a slash at its start: `events/stream`. */
export const apiUrl = (path: string): string => new URL(`api/${path}`, page()).href;

/** Address of a file that control hands to everybody. */
export const downloadUrl = (name: string): string => new URL(`downloads/${name}`, page()).href;

/** Ends control's session and then the hub's. */
export const logoutUrl = (): string => new URL("logout", page()).href;

/** The login, coming back to this very view. */
export function loginUrl(location: Pick<Location, "pathname" | "search" | "hash">): string {
  const next = `${location.pathname}${location.search}${location.hash}`;
  return new URL(`login?next=${encodeURIComponent(next)}`, page()).href;
}
