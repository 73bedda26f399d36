/** Shows the clone of the code source as one notification. */

import { Notification } from '@jupyterlab/apputils';
import { followCheckout } from './checkout.js';
import type { IProgress } from './progress.js';
import type { IApi } from './tokens.js';

const wait = (milliseconds: number): Promise<void> =>
  new Promise(resolve => setTimeout(resolve, milliseconds));

export class CodeCheckout {
  constructor(private _api: IApi) {}

  /** Resolves when there is nothing more to show. */
  run(): Promise<void> {
    return followCheckout(
      this._api,
      window.localStorage,
      progress => this._show(progress),
      wait
    );
  }

  private _show(progress: IProgress | undefined): void {
    if (!progress) {
      Notification.dismiss(this._id);
      return;
    }
    const { kind, message } = progress;
    const autoClose = kind === 'success' ? 5000 : (false as const);
    const update = { id: this._id, message, type: kind, autoClose };
    // Who closed the notification wants no progress, but still the end.
    const isWanted = !this._id || kind !== 'in-progress';
    if (!(this._id && Notification.update(update)) && isWanted) {
      this._id = Notification.emit(message, kind, { autoClose });
    }
  }

  private _id = '';
}
