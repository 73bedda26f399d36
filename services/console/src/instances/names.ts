/**
 * The rule for an instance's name, which is part of its address and fixed. It is the hub's rule for
 * named servers, as `dsw.names` in the core package has it; control decides, this only shows early.
 */

export const NAME_MAX = 30;
export const NAME_RULE = `A name has 1 to ${NAME_MAX} characters of a–z, 0–9 and single dashes, starts with a letter and does not end with a dash.`;

const NAME = /^[a-z](?:[a-z0-9]|-(?!-))*(?<!-)$/;
const OUTSIDE = /[^a-z0-9]+/g;

/** What is wrong with a name that somebody typed; nothing when it can be used. */
export function nameProblem(name: string, taken: readonly string[]): string | undefined {
  if (name.length > NAME_MAX) return `A name has at most ${NAME_MAX} characters; this has ${name.length}.`;
  if (!NAME.test(name)) return NAME_RULE;
  if (taken.includes(name)) return "You already have an instance of this name.";
  return undefined;
}

/** The name that control makes from a display name when none is given. */
export function serverName(displayName: string, taken: readonly string[]): string {
  const ascii = displayName.normalize("NFKD").replace(/[^\x00-\x7f]/g, "");
  let base = trimDashes(ascii.toLowerCase().replace(OUTSIDE, "-"));
  if (!/^[a-z]/.test(base)) base = trimDashes(`instance-${base}`);
  base = trimDashes(base.slice(0, NAME_MAX));
  let name = base;
  for (let number = 2; taken.includes(name); number += 1) {
    const suffix = `-${number}`;
    name = trimDashes(base.slice(0, NAME_MAX - suffix.length)) + suffix;
  }
  return name;
}

const trimDashes = (text: string): string => text.replace(/^-+|-+$/g, "");
