/** Which instances the list shows: the user's, those shared with them, and everybody's if wanted. Pure. */
import type { Instance } from "../api/models";
import { newestFirst } from "../images/order";

/** Each once; one that is shared comes with the user's access to it. */
export function together(
  own: readonly Instance[],
  shared: readonly Instance[],
  everybody: readonly Instance[],
): Instance[] {
  const byId = new Map([...everybody, ...own, ...shared].map((instance) => [instance.id, instance]));
  return [...byId.values()].sort(newestFirst);
}

export function matches(instance: Instance, search: string): boolean {
  const { name, display_name, owner, image_name, state, spec } = instance;
  const text = [name, display_name, owner, image_name, state, spec.name].join(" ").toLowerCase();
  return text.includes(search.trim().toLowerCase());
}
