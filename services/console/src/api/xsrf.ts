/** The token that shows control that a change comes from this page, as it gave it by a cookie. Pure. */

/** With the prefix no other host can set it; control uses it where users have origins of their own. */
const NAMES = ["__Host-dsw-xsrf", "dsw-xsrf"];

export function xsrfToken(cookies: string): string | undefined {
  const pairs = cookies.split("; ");
  for (const name of NAMES) {
    const start = `${name}=`;
    const pair = pairs.find((part) => part.startsWith(start));
    if (pair) return decodeURIComponent(pair.slice(start.length));
  }
  return undefined;
}
