/** What a change asks for, and when it may cost what was installed. Pure. */
import type { Instance, InstanceChange } from "../api/models";

export interface Wishes {
  displayName: string;
  image: string;
  spec: string;
  group: string;
  priority: number;
  code: string;
  saveOnStop: boolean;
}

type Change = Omit<InstanceChange, "discard_changes">;

/** What the instance has now, as wishes. */
export const wishesOf = (instance: Instance): Wishes => ({
  displayName: instance.display_name,
  image: instance.image_id,
  spec: instance.spec.name,
  group: instance.resource_group,
  priority: instance.priority,
  code: instance.code_source ?? "",
  saveOnStop: instance.save_on_stop,
});

/** A start failed because only a new container can have what the operator changed. */
export const needsNewContainer = ({ state, reason }: Pick<Instance, "state" | "reason">): boolean =>
  state === "Failed" && reason === "NeedsNewContainer";

/** Only what differs from now; nothing when nothing does or the name is empty. */
export function changeOf(instance: Instance, wishes: Wishes): Change | undefined {
  const now = wishesOf(instance);
  const title = wishes.displayName.trim();
  const change: Change = {};
  if (title !== now.displayName) change.display_name = title;
  if (wishes.image !== now.image) change.image = wishes.image;
  if (wishes.spec !== now.spec) change.spec = wishes.spec;
  // A new size alone would be put into the first group that offers it.
  if (wishes.group !== now.group || change.spec) change.resource_group = wishes.group;
  if (wishes.priority !== now.priority) change.priority = wishes.priority;
  if (wishes.code !== now.code) change.code_source = wishes.code;
  if (wishes.saveOnStop !== now.saveOnStop) change.save_on_stop = wishes.saveOnStop;
  return title && Object.keys(change).length ? change : undefined;
}

/** Image and size belong to the container that runs; they change only while none does. */
export const environmentIsFixed = ({ state }: Pick<Instance, "state">): boolean =>
  state !== "Stopped" && state !== "Failed";

/** Whether a refusal of this change may be about the container that it would replace. */
export const mayNeedConsent = (change: Change | undefined): boolean =>
  change?.image != null || change?.spec != null;
