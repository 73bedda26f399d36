/** Change the queue: another place, another priority, or out of it. */
import { capacityCalls } from "../api/capacityCalls";
import type { QueueEntry, QueueMove } from "../api/models";
import { useAction } from "../common/useAction";
import { useConfirm } from "../common/useConfirm";

const CHANGED = ["queue", "instances"];

export interface QueueActions {
  move: (entry: QueueEntry, move: QueueMove) => void;
  takeOut: (entry: QueueEntry) => void;
  /** Id of the instance that a request is under way for. */
  busy: string | undefined;
}

export function useQueueActions(): QueueActions {
  const confirm = useConfirm();
  const move = useAction({
    run: ({ entry, how }: { entry: QueueEntry; how: QueueMove }) =>
      capacityCalls.moveInQueue(entry.instance_id, how),
    lists: CHANGED,
    refused: ({ entry }) => `“${entry.display_name}” was not moved`,
  });
  const takeOut = useAction({
    run: (entry: QueueEntry) => capacityCalls.takeOutOfQueue(entry.instance_id),
    lists: CHANGED,
    refused: (entry) => `“${entry.display_name}” was not taken out of the queue`,
  });
  return {
    move: (entry, how) => move.mutate({ entry, how }),
    busy: move.isPending ? move.variables.entry.instance_id : undefined,
    takeOut: (entry) =>
      confirm({
        title: `Take “${entry.display_name}” of ${entry.owner} out of the queue?`,
        content: "It will be stopped. Its owner can start it again, and then it waits at the end.",
        okText: "Take out",
        run: () => takeOut.mutateAsync(entry),
      }),
  };
}
