/** What is said of a snapshot in each of its states. */

import { formatBytes, percent } from './format.js';
import type { ISnapshot, SnapshotState } from './tokens.js';

/** A line for people. */
export interface IProgress {
  kind: 'in-progress' | 'success' | 'error' | 'info';
  message: string;
}

const DOING: Partial<Record<SnapshotState, string>> = {
  Preparing: 'preparing',
  Copying: 'copying files',
  Freezing: 'copying what changed meanwhile',
  Pushing: 'storing the image'
};

export function hasEnded(snapshot: ISnapshot): boolean {
  return ['Saved', 'Failed', 'Cancelled'].includes(snapshot.state);
}

export function describe(snapshot: ISnapshot): IProgress {
  const { name, message, bytes_done: done, bytes_total: total } = snapshot;
  switch (snapshot.state) {
    case 'Saved':
      return { kind: 'success', message: `Saved as image “${name}”` };
    case 'Failed':
      return {
        kind: 'error',
        message: `“${name}” was not saved. ${message}`.trim()
      };
    case 'Cancelled':
      return { kind: 'info', message: `Saving “${name}” was cancelled` };
  }
  const doing = `Saving “${name}”: ${DOING[snapshot.state] ?? snapshot.state}`;
  const bytes = total
    ? `, ${formatBytes(done)} of ${formatBytes(total)} (${percent(done, total)} %)`
    : done
      ? `, ${formatBytes(done)}`
      : '';
  return { kind: 'in-progress', message: doing + bytes };
}
