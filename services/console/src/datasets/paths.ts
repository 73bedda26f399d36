/** Paths below a dataset: relative, with slashes, empty for the dataset itself. Pure. */

export interface Step {
  name: string;
  path: string;
}

/** The folders from the dataset down to this path. */
export function stepsOf(path: string): Step[] {
  const parts = path.split("/").filter(Boolean);
  return parts.map((name, index) => ({ name, path: parts.slice(0, index + 1).join("/") }));
}

export const joined = (folder: string, name: string): string => (folder ? `${folder}/${name}` : name);

/** The folder that something is in. */
export const parentOf = (path: string): string => path.split("/").slice(0, -1).join("/");

const NAME = /^[a-z0-9]+(?:[._-][a-z0-9]+)*$/;

/** What is wrong with the name of a dataset; nothing when it can be used, or is not typed yet. */
export function nameProblem(name: string): string | undefined {
  if (!name || (name.length <= 62 && NAME.test(name))) return undefined;
  return "Lower case letters and digits, with single dots, dashes or underscores between them.";
}

export interface LabelRead {
  labels: Record<string, string>;
  problem?: string;
}

/** `task=vision, year=2026` as labels. */
export function readLabels(text: string): LabelRead {
  const labels: Record<string, string> = {};
  for (const part of text.split(",").map((each) => each.trim()).filter(Boolean)) {
    const [name = "", ...value] = part.split("=");
    const key = name.trim();
    if (!/^[a-z0-9][a-z0-9._/-]{0,62}$/.test(key)) {
      return { labels: {}, problem: `“${key}” cannot be the name of a label: lower case letters, digits and . _ / -` };
    }
    labels[key] = value.join("=").trim();
  }
  return { labels };
}

export const writeLabels = (labels: Record<string, string> | undefined): string =>
  Object.entries(labels ?? {})
    .map(([name, value]) => (value ? `${name}=${value}` : name))
    .join(", ");
