/** What a snapshot would ship: asked for while its form is filled in, and said in plain words. */

import { count, formatBytes } from './format.js';
import {
  folderSection,
  leftOutSection,
  packageSection,
  reasons,
  section,
  type ISection
} from './sections.js';
import type { IApi, IForecast, ISnapshotAsk } from './tokens.js';
import type { Wait } from './follower.js';

const SETTLED = 800;

/** What the form shows of the forecast. */
export type ForecastState =
  | { state: 'loading' }
  | { state: 'failed'; message: string }
  | { state: 'ready'; headline: string; sections: ISection[] };

export function describeForecast(forecast: IForecast): ForecastState {
  const { since, size, entries } = forecast;
  const amount = `${formatBytes(size)} in ${count(entries, 'file or folder', 'files and folders')}`;
  const ships = since
    ? `${amount}, changed since the last save`
    : `${amount} to save`;
  const nothing = since
    ? 'Nothing changed since the last save'
    : 'Nothing differs from the image that this instance was started from';
  return {
    state: 'ready',
    headline: `${entries ? ships : nothing}.`,
    sections: [
      ...section('Cannot be saved', reasons(forecast.refused), 0, {
        isWarning: true,
        advice:
          'Saving fails because of these. Rename or delete them, or leave them out.'
      }),
      ...folderSection(forecast.folders),
      ...packageSection(forecast.packages),
      ...leftOutSection(forecast.left_out, forecast.more_left_out)
    ]
  };
}

/** Asks again whenever something else is to be left out; only the newest answer counts. */
export class Forecaster {
  /**
   * @param show - Called with every change.
   */
  constructor(
    private _api: Pick<IApi, 'forecast'>,
    private _show: (state: ForecastState) => void,
    private _wait: Wait
  ) {}

  /** Ask at once. */
  async start(ask: ISnapshotAsk): Promise<void> {
    const turn = ++this._turn;
    this._asked = JSON.stringify(ask);
    this._show({ state: 'loading' });
    const answer = await this._answer(ask);
    if (turn === this._turn) {
      this._show(answer);
    }
  }

  /** Ask again once nothing changes for a moment. */
  async update(ask: ISnapshotAsk): Promise<void> {
    const change = ++this._change;
    await this._wait(SETTLED);
    if (change === this._change && JSON.stringify(ask) !== this._asked) {
      await this.start(ask);
    }
  }

  /** Show nothing any more. */
  stop(): void {
    this._change++;
    this._turn++;
  }

  private async _answer(ask: ISnapshotAsk): Promise<ForecastState> {
    try {
      return describeForecast(await this._api.forecast(ask));
    } catch (error) {
      const message = `What would be saved is not known: ${(error as Error).message} You can save all the same.`;
      return { state: 'failed', message };
    }
  }

  private _turn = 0;
  private _change = 0;
  private _asked = '';
}
