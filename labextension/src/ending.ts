/** What is said of an image that was saved. */

import { count, formatBytes } from './format.js';
import { describe, type IProgress } from './progress.js';
import {
  leftOutSection,
  packageSection,
  section,
  type ISection
} from './sections.js';
import type { IReport, ISnapshot } from './tokens.js';

/** The end as a line, and what more there is to know: a longer one, and lists. */
export interface IEnding extends IProgress {
  summary: string;
  sections: ISection[];
}

/** @param report - Nothing where the workbench has none. */
export function describeEnding(snapshot: ISnapshot, report?: IReport): IEnding {
  const progress = describe(snapshot);
  if (snapshot.state !== 'Saved') {
    return { ...progress, summary: progress.message, sections: [] };
  }
  const summary = [progress.message, ...facts(snapshot, report)].join(', ');
  const found = report?.findings.length ?? 0;
  if (!found) {
    const message = summary;
    return { kind: 'success', message, summary, sections: sections(report) };
  }
  const secrets = found === 1 ? 'looks like a secret' : 'look like secrets';
  const message = `${progress.message}, but ${count(found, 'place')} in it ${secrets}`;
  return { kind: 'warning', message, summary, sections: sections(report) };
}

function facts(snapshot: ISnapshot, report?: IReport): string[] {
  const parts = [];
  if (snapshot.bytes_done) {
    parts.push(formatBytes(snapshot.bytes_done));
  }
  if (snapshot.frozen_ms) {
    parts.push(`paused for ${(snapshot.frozen_ms / 1000).toFixed(2)} s`);
  }
  const left = (report?.left_out.length ?? 0) + (report?.more_left_out ?? 0);
  if (left) {
    parts.push(`${count(left, 'path')} left out`);
  }
  return parts;
}

function sections(report?: IReport): ISection[] {
  if (!report) {
    return [];
  }
  const secrets = report.findings.map(({ path, line, kind }) => [
    line ? `${path}:${line}` : path,
    kind
  ]) as [string, string][];
  return [
    ...section('Looks like a secret', secrets, 0, {
      isWarning: true,
      advice:
        'Whoever starts the image can read these. Delete the image in the console, take them out of the files and save again.'
    }),
    ...leftOutSection(report.left_out, report.more_left_out),
    ...packageSection(report.changes)
  ];
}
