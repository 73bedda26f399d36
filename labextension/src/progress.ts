/** What is said of a snapshot in each of its states. */

import { formatBytes, formatDuration, percent, shorten } from './format.js';
import type { ISnapshot, SnapshotState } from './tokens.js';

/** A line for people, and the part that is done, 0 to 1, where it is known. */
export interface IProgress {
  kind: 'in-progress' | 'success' | 'warning' | 'error' | 'info';
  message: string;
  share?: number;
}

const DOING: Partial<Record<SnapshotState, string>> = {
  Preparing: 'looking for what changed',
  Copying: 'copying files',
  Freezing: 'paused, reading what changed meanwhile',
  Pushing: 'storing the image'
};

export function hasEnded(snapshot: ISnapshot): boolean {
  return ['Saved', 'Failed', 'Cancelled'].includes(snapshot.state);
}

/** Lab cuts a notification after 140 characters: a long name must not push the figures out. */
export function shown(name: string): string {
  return `“${shorten(name, 40)}”`;
}

export function describe(snapshot: ISnapshot): IProgress {
  const { message } = snapshot;
  const name = shown(snapshot.name);
  switch (snapshot.state) {
    case 'Saved':
      return { kind: 'success', message: `Saved as image ${name}` };
    case 'Failed':
      return {
        kind: 'error',
        message: `${name} was not saved. ${message}`.trim()
      };
    case 'Cancelled':
      return { kind: 'info', message: `Saving ${name} was cancelled` };
  }
  const doing = `Saving ${name}: ${DOING[snapshot.state] ?? snapshot.state}`;
  return {
    kind: 'in-progress',
    message: [doing, ...amounts(snapshot)].join(', '),
    ...shareOf(snapshot)
  };
}

function amounts(snapshot: ISnapshot): string[] {
  const { bytes_done: done, bytes_total: total, rate, seconds_left } = snapshot;
  const parts = [];
  if (total) {
    const share = percent(done, total);
    parts.push(`${formatBytes(done)} of ${formatBytes(total)} (${share} %)`);
  } else if (done) {
    parts.push(formatBytes(done));
  }
  if (rate) {
    parts.push(`${formatBytes(rate)}/s`);
  }
  if (seconds_left !== null) {
    parts.push(`${formatDuration(seconds_left)} left`);
  }
  return parts;
}

function shareOf(snapshot: ISnapshot): { share?: number } {
  const { bytes_done: done, bytes_total: total } = snapshot;
  return total ? { share: Math.min(1, done / total) } : {};
}
