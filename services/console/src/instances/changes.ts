/** What a change asks for, and when it may cost what was installed. Pure. */
import type { Instance, InstanceChange } from "../api/models";

export interface Wishes {
  displayName: string;
  image: string;
  spec: string;
}

type Change = Pick<InstanceChange, "display_name" | "image" | "spec">;

/** A start failed because only a new container can have what the operator changed. */
export const needsNewContainer = ({ state, reason }: Pick<Instance, "state" | "reason">): boolean =>
  state === "Failed" && reason === "NeedsNewContainer";

/** Only what differs from now; nothing when nothing does or the name is empty. */
export function changeOf(instance: Instance, wishes: Wishes): Change | undefined {
  const title = wishes.displayName.trim();
  const change: Change = {};
  if (title !== instance.display_name) change.display_name = title;
  if (wishes.image !== instance.image_id) change.image = wishes.image;
  if (wishes.spec !== instance.spec.name) change.spec = wishes.spec;
  return title && Object.keys(change).length ? change : undefined;
}

/** Image and size belong to the container that runs; they change only while none does. */
export const environmentIsFixed = ({ state }: Pick<Instance, "state">): boolean =>
  state !== "Stopped" && state !== "Failed";

/** Whether a refusal of this change may be about the container that it would replace. */
export const mayNeedConsent = (change: Change | undefined): boolean =>
  change?.image != null || change?.spec != null;
