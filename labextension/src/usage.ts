/** What the status bar says of an instance's usage, and when it warns. */

import { formatBytes, formatShare, percent } from './format.js';
import type { IGpu, IMetrics } from './tokens.js';

const WARN_ABOVE = 90;

/** One figure of the status bar. */
export interface IFigure {
  text: string;
  isWarning: boolean;
}

/** All figures, and the details for the tooltip. */
export interface IUsage {
  figures: IFigure[];
  details: string;
}

export function describeUsage(metrics: IMetrics): IUsage {
  const memory = percent(metrics.memory_used, metrics.memory_limit);
  const figures = [
    figure(`CPU ${Math.round(metrics.cpu_percent)} %`, metrics.cpu_percent),
    figure(
      `Memory ${formatShare(metrics.memory_used, metrics.memory_limit)}`,
      memory
    )
  ];
  if (metrics.gpus.length) {
    figures.push(gpuFigure(metrics.gpus));
  }
  const details = [
    `CPU: ${metrics.cpu_percent} % of ${Number(metrics.cpu_limit.toFixed(2))} cores`,
    `Memory: ${formatBytes(metrics.memory_used)} of ${formatBytes(metrics.memory_limit)} (${memory} %)`,
    ...metrics.gpus.map(describeGpu)
  ];
  if (metrics.oom_kills) {
    details.push(`Killed for lack of memory: ${metrics.oom_kills}`);
  }
  return { figures, details: details.join('\n') };
}

function figure(text: string, share: number): IFigure {
  return { text, isWarning: share > WARN_ABOVE };
}

/** One figure for all GPUs: their mean utilisation; the fullest memory decides the warning. */
function gpuFigure(gpus: IGpu[]): IFigure {
  const counted = gpus.flatMap(gpu => gpu.utilization ?? []);
  const mean =
    counted.reduce((sum, value) => sum + value, 0) / (counted.length || 1);
  const fullest = Math.max(
    ...gpus.map(gpu => percent(gpu.memory_used, gpu.memory_total))
  );
  const count = gpus.length > 1 ? `${gpus.length} x ` : '';
  const used = counted.length ? `${Math.round(mean)} %` : `${fullest} % memory`;
  return figure(`${count}GPU ${used}`, fullest);
}

function describeGpu(gpu: IGpu): string {
  const used = gpu.utilization === null ? '' : `${gpu.utilization} %, `;
  const memory = `${formatBytes(gpu.memory_used)} of ${formatBytes(gpu.memory_total)}`;
  return `GPU ${gpu.index} (${gpu.name}): ${used}${memory}`;
}

/** Notices that processes were killed since the last look; what was before the first is old. */
export class KillCounter {
  /** How many more there are than at the last look. */
  update(kills: number): number {
    const more = this._seen === undefined ? 0 : Math.max(0, kills - this._seen);
    this._seen = kills;
    return more;
  }

  private _seen?: number;
}
