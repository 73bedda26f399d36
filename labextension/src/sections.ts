/** What is in an image, as lists with a title; the same before it is saved and after. */

import { formatBytes } from './format.js';
import type { ILeftOut, IPackageChange } from './tokens.js';

const MOST = 12;

/** A list: each row is a thing and what is said of it. */
export interface ISection {
  title: string;
  rows: [string, string][];
  isWarning?: boolean;
  /** What to do about it. */
  advice?: string;
}

export function folderSection(
  folders: { path: string; size: number }[]
): ISection[] {
  const rows = folders.map(({ path, size }): [string, string] => [
    path,
    formatBytes(size)
  ]);
  return section('Biggest folders', rows);
}

export function packageSection(changes: IPackageChange[]): ISection[] {
  const rows = changes.map(({ manager, name, before, after }) => {
    const what = !before
      ? `new, ${after}`
      : !after
        ? `removed, was ${before}`
        : `${before} → ${after}`;
    return [name, `${manager}: ${what}`] as [string, string];
  });
  return section('Package changes', rows);
}

export function leftOutSection(leftOut: ILeftOut[], more: number): ISection[] {
  return section('Left out', reasons(leftOut), more);
}

export function reasons(leftOut: ILeftOut[]): [string, string][] {
  return leftOut.map(({ path, reason }) => [path, reason]);
}

/** A section, unless there is nothing in it; `more` counts what is not in the rows. */
export function section(
  title: string,
  rows: [string, string][],
  more = 0,
  rest: Partial<ISection> = {}
): ISection[] {
  const total = rows.length + more;
  if (!total) {
    return [];
  }
  const kept = rows.slice(0, MOST);
  const hidden = total - kept.length;
  if (hidden) {
    kept.push([`and ${hidden.toLocaleString('en-US')} more`, '']);
  }
  const counted = `${title} (${total.toLocaleString('en-US')})`;
  return [{ title: counted, rows: kept, ...rest }];
}
