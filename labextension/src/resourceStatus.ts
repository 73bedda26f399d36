/** The status-bar item with CPU, memory and GPU. */

import { Notification } from '@jupyterlab/apputils';
import { Poll } from '@lumino/polling';
import { Widget } from '@lumino/widgets';
import type { IApi, IMetrics } from './tokens.js';
import { describeUsage, KillCounter } from './usage.js';

const PERIOD = 5000;

export class ResourceStatus extends Widget {
  constructor(api: IApi) {
    super();
    this.addClass('dsw-ResourceStatus');
    this._poll = new Poll({
      name: 'jupyterhub-dsw:metrics',
      factory: () => api.metrics(),
      frequency: { interval: PERIOD, backoff: true, max: 60 * 1000 },
      standby: 'when-hidden'
    });
    this._poll.ticked.connect((_, state) => {
      if (state.phase === 'resolved') {
        this._show(state.payload as IMetrics);
      }
      this.toggleClass('dsw-mod-stale', state.phase === 'rejected');
    });
  }

  override dispose(): void {
    this._poll.dispose();
    super.dispose();
  }

  private _show(metrics: IMetrics): void {
    const usage = describeUsage(metrics);
    this.node.title = usage.details;
    this.node.replaceChildren(
      ...usage.figures.map(({ text, isWarning }) => {
        const span = document.createElement('span');
        span.textContent = text;
        span.classList.toggle('dsw-mod-warning', isWarning);
        return span;
      })
    );
    if (this._kills.update(metrics.oom_kills)) {
      Notification.error('A process was killed: out of memory', {
        autoClose: false
      });
    }
  }

  private _kills = new KillCounter();
  private _poll: Poll<IMetrics>;
}
