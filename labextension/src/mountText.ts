/** What is said of a mount, and where Lab's file browser finds it. */

import type { IMount, IPreview } from './dataTokens.js';
import { count, formatBytes } from './format.js';

/** A mount as it is shown: a word for its state, and what there is to know. */
export interface IMountText {
  state: string;
  kind: 'good' | 'waiting' | 'bad';
  details: string;
}

export function isUnderWay(mount: IMount): boolean {
  return mount.state === 'Mounting' || mount.state === 'Unmounting';
}

export function describeMount(mount: IMount): IMountText {
  const { state, message } = mount;
  if (isUnderWay(mount)) {
    const share =
      mount.percent === null ? '' : ` ${Math.round(mount.percent)} %`;
    return { state: `${state}${share}`, kind: 'waiting', details: message };
  }
  if (state === 'Degraded') {
    const details = `It cannot be read now. ${message} It is tried again.`;
    return { state, kind: 'bad', details };
  }
  if (state !== 'Mounted') {
    return { state, kind: 'bad', details: message };
  }
  const facts = [
    `version ${mount.version}`,
    mount.access === 'rw' ? 'read and write' : 'read only',
    ...(mount.kind === 'static' ? ['from the start'] : []),
    ...(mount.keep ? ['kept for the next start'] : [])
  ];
  return { state, kind: 'good', details: facts.join(', ') };
}

/** Which processes keep a mount from being unmounted, or nothing. */
export function describeHolders(mount: IMount): string | undefined {
  if (mount.state !== 'Mounted' || mount.reason !== 'Busy') {
    return undefined;
  }
  const all = mount.holders
    .map(({ pid, command }) => `${command || 'a process'} (${pid})`)
    .join(', ');
  return `It is in use by ${all || 'a process'}. Close what is open there, or unmount it all the same: what uses it gets errors.`;
}

/**
 * The path in Lab's file browser, or nothing where Lab does not serve the folder.
 *
 * @param root - The folder that Lab serves; its home may be written as `~`.
 */
export function pathInLab(root: string, target: string): string | undefined {
  const base = root.replace(/\/+$/, '');
  return root.startsWith('/') && target.startsWith(`${base}/`)
    ? target.slice(base.length + 1)
    : undefined;
}

/** What is said below a preview; nothing where it says all. */
export function describePreview(preview: IPreview): string {
  const { kind, message, rows, total_rows: total } = preview;
  if (message) {
    return message;
  }
  if (kind === 'image') {
    return `An image (${preview.media_type}). Mount the dataset to see it.`;
  }
  if (kind === 'none') {
    return 'There is no preview of such files.';
  }
  if (kind === 'table' && total !== null) {
    return `${rows.length.toLocaleString('en-US')} of ${count(total, 'row')}.`;
  }
  return preview.truncated ? 'This is its beginning.' : '';
}

/** `imagenet/train/labels.csv, 2 KiB` */
export function previewTitle(preview: IPreview): string {
  const size = preview.size === null ? '' : `, ${formatBytes(preview.size)}`;
  return `${preview.path}${size}`;
}
