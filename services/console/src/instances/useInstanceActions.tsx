/** Start, stop and delete, with the confirmation that says what is lost. */
import { calls } from "../api/calls";
import type { Instance } from "../api/models";
import { useAction } from "../common/useAction";
import { useConfirm } from "../common/useConfirm";
import { useUser } from "../shell/me";

/** What runs decides who waits and what is free. */
export const CHANGED = ["instances", "queue", "groups", "quotas"];

export interface InstanceActions {
  start: (instance: Instance) => void;
  /** `save`: as an image, whatever the instance says; undefined: as it says. */
  stop: (instance: Instance, save?: boolean) => void;
  remove: (instance: Instance) => void;
  /** Id of the instance that a request is under way for. */
  busy: string | undefined;
}

interface Stop {
  instance: Instance;
  save: boolean | undefined;
}

export function useInstanceActions(onDeleted?: () => void): InstanceActions {
  const confirm = useConfirm();
  const { isolated } = useUser();
  const start = useAction({
    run: (instance: Instance) => calls.startInstance(instance.id),
    lists: CHANGED,
    refused: (instance) => `“${instance.display_name}” was not started`,
  });
  const stop = useAction({
    run: ({ instance, save }: Stop) => calls.stopInstance(instance.id, save),
    lists: [...CHANGED, "snapshots"],
    refused: ({ instance }) => `“${instance.display_name}” was not stopped`,
  });
  const remove = useAction({
    run: (instance: Instance) => calls.deleteInstance(instance.id),
    lists: CHANGED,
    refused: (instance) => `“${instance.display_name}” was not deleted`,
  });
  return {
    start: start.mutate,
    stop: (instance, save) => stop.mutate({ instance, save }),
    busy: start.isPending ? start.variables.id : stop.isPending ? stop.variables.instance.id : undefined,
    remove: (instance) =>
      confirm({
        title: `Delete “${instance.display_name}”?`,
        content: isolated ? <WhatIsLost /> : NOTHING_IS_LOST,
        okText: "Delete",
        run: () => remove.mutateAsync(instance),
        onDone: onDeleted,
      }),
  };
}

const NOTHING_IS_LOST = "Its server ends and it leaves this list. Your files stay where they are.";

function WhatIsLost() {
  return (
    <>
      <p>
        What was installed or changed in its container is lost: packages, system files, and
        everything outside the mounted folders. Save it as an image first if you need that.
      </p>
      <p>
        Files in <code>/mnt/workspace</code> and <code>/mnt/shared</code> stay, and so do images
        that were saved from it.
      </p>
    </>
  );
}
