/** What is said of a snapshot in each of its states. */

import { formatBytes, percent } from './format.js';
import type { ISnapshot, SnapshotState } from './tokens.js';

/** A line for people; `progress` is 0 to 1, or nothing while it cannot be known. */
export interface IProgress {
  kind: 'in-progress' | 'success' | 'error' | 'info';
  message: string;
  progress?: number;
}

const DOING: Record<SnapshotState, string> = {
  Preparing: 'preparing',
  Copying: 'copying files',
  Freezing: 'copying what changed meanwhile',
  Pushing: 'storing the image',
  Saved: '',
  Failed: '',
  Cancelled: ''
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
  if (!total) {
    const bytes = done ? `, ${formatBytes(done)}` : '';
    return { kind: 'in-progress', message: doing + bytes };
  }
  const share = percent(done, total);
  return {
    kind: 'in-progress',
    message: `${doing}, ${formatBytes(done)} of ${formatBytes(total)} (${share} %)`,
    progress: share / 100
  };
}
