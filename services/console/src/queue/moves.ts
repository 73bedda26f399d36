/** Where an entry of the queue can be moved, as the API asks for it. Pure. */
import type { QueueEntry, QueueMove } from "../api/models";

export interface Moves {
  up?: QueueMove;
  down?: QueueMove;
  front?: QueueMove;
  end?: QueueMove;
}

/**
 * An entry changes places with others of its own workspace in the same resource group only; `entries`
 * are in the order of service. A move that would change nothing is not there.
 */
export function movesOf(entry: QueueEntry, entries: readonly QueueEntry[]): Moves {
  const rivals = entries.filter(
    (other) => other.workspace_id === entry.workspace_id && other.resource_group === entry.resource_group,
  );
  const at = rivals.findIndex((other) => other.instance_id === entry.instance_id);
  const [first, previous, afterNext] = [rivals[0], rivals[at - 1], rivals[at + 2]];
  const moves: Moves = {};
  if (at < 0) return moves;
  if (previous) moves.up = before(previous);
  if (first && at > 0) moves.front = before(first);
  if (at < rivals.length - 1) {
    moves.down = afterNext ? before(afterNext) : { last: true };
    moves.end = { last: true };
  }
  return moves;
}

const before = ({ instance_id }: QueueEntry): QueueMove => ({ before: instance_id, last: false });
