/** One notification that changes as something goes on. */

import { Notification } from '@jupyterlab/apputils';
import type { IProgress } from './progress.js';

const autoClose = false as const;

export class Toast {
  show(progress: IProgress, actions: Notification.IAction[]): void {
    this._last = () => this._emit(progress, actions);
    const { kind, message } = progress;
    const update = { id: this._id, message, type: kind, autoClose, actions };
    // Who closed the notification wants no progress, but still the end.
    const isWanted = !this._id || kind !== 'in-progress';
    if (!(this._id && Notification.update(update)) && isWanted) {
      this._emit(progress, actions);
    }
  }

  /** Bring it back where it was closed. */
  reveal(): void {
    if (this._id) {
      Notification.dismiss(this._id);
    }
    this._last();
  }

  private _emit(progress: IProgress, actions: Notification.IAction[]): void {
    const { kind, message } = progress;
    this._id = Notification.emit(message, kind, { autoClose, actions });
  }

  private _id = '';
  private _last: () => void = () => undefined;
}
