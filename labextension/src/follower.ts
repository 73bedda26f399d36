/** Follows a snapshot to its end, over lost connections and restarts of the workbench. */

import { ApiError } from './api.js';
import { describe, hasEnded, type IProgress } from './progress.js';
import type { IApi, ISnapshot } from './tokens.js';

const PERIOD = 1000;
const MAX_PERIOD = 15000;

/** Milliseconds to wait; tests bring their own. */
export type Wait = (milliseconds: number) => Promise<void>;

const wait: Wait = milliseconds =>
  new Promise(resolve => setTimeout(resolve, milliseconds));

export class Follower {
  /**
   * @param show - Called with every change, the end included.
   */
  constructor(
    private _api: IApi,
    private _show: (progress: IProgress) => void,
    private _wait: Wait = wait
  ) {}

  /** Resolves with the ended snapshot, or with nothing when it cannot be followed any more. */
  async follow(snapshot: ISnapshot): Promise<ISnapshot | undefined> {
    this._snapshot = snapshot;
    let period = PERIOD;
    this._say(describe(snapshot));
    while (!hasEnded(this._snapshot)) {
      await this._wait(period);
      try {
        this._snapshot = await this._api.snapshot(snapshot.id);
        period = PERIOD;
        this._say(describe(this._snapshot));
      } catch (error) {
        if (!(error instanceof ApiError && error.isTemporary)) {
          this._say({
            kind: 'error',
            message: String((error as Error).message)
          });
          return undefined;
        }
        period = Math.min(MAX_PERIOD, period * 2);
        const message = `Saving “${snapshot.name}”: ${error.message} Trying again.`;
        this._say({ kind: 'in-progress', message });
      }
    }
    return this._snapshot;
  }

  /** Ask for the end; `follow` sees it come. Resolves with a refusal's sentence, if any. */
  async cancel(): Promise<string | undefined> {
    if (!this._snapshot) {
      return undefined;
    }
    try {
      await this._api.cancel(this._snapshot.id);
      return undefined;
    } catch (error) {
      return String((error as Error).message);
    }
  }

  private _say(progress: IProgress): void {
    const text = JSON.stringify(progress);
    if (text !== this._said) {
      this._said = text;
      this._show(progress);
    }
  }

  private _snapshot?: ISnapshot;
  private _said = '';
}
