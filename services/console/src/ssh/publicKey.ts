/**
 * What is seen of a pasted key before it is sent: a private one never leaves the browser. Whether a
 * public key can be used is for control to say. Pure.
 */

export const KEY_MAX = 16_384;

export const PRIVATE =
  "This is a private key. Keep it to yourself: nothing was sent. Take the file of the same name that ends in .pub.";

/** How private keys begin: PEM, PuTTY, and the body of OpenSSH's own format without its frame. */
const SECRETS = [/PRIVATE KEY/i, /PuTTY-User-Key-File/i, /b3BlbnNzaC1rZXkt/];

/** What is wrong with a text, so that it is not sent; nothing when control may see it. */
export function keyProblem(text: string): string | undefined {
  if (SECRETS.some((secret) => secret.test(text))) return PRIVATE;
  if (text.length > KEY_MAX) return "This is too long for a public key. Take the file that ends in .pub.";
  return undefined;
}

/** The comment behind a public key, which names it when no title is given. */
export const commentOf = (text: string): string => text.trim().split(/\s+/).slice(2).join(" ").slice(0, 100);

/** The fingerprint of a key's line as `ssh-keygen -l` shows it; nothing where it cannot be computed. */
export async function fingerprintOf(line: string): Promise<string | undefined> {
  // Browsers have no digests on plain http.
  if (!globalThis.crypto?.subtle) return undefined;
  try {
    const blob = Uint8Array.from(atob(line.split(" ")[1] ?? ""), (letter) => letter.charCodeAt(0));
    const digest = await crypto.subtle.digest("SHA-256", blob);
    return `SHA256:${btoa(String.fromCharCode(...new Uint8Array(digest))).replace(/=+$/, "")}`;
  } catch {
    return undefined;
  }
}
