/** The form that asks for an image's name and what is to be in it. */

import type { Dialog } from '@jupyterlab/apputils';
import { Widget } from '@lumino/widgets';
import { Forecaster } from './forecast.js';
import { ForecastView } from './forecastView.js';
import { patterns, suggestName } from './saveRequest.js';
import type { IApi, ISnapshotRequest, SnapshotMode } from './tokens.js';

const MODES: Record<SnapshotMode, string> = {
  consistent:
    'The image is the instance at one moment, for which it stands still well below a second.',
  live: 'Nothing stands still. Files that change meanwhile may be saved half-changed.'
};

const FORM = `
  <div class="dsw-SaveForm-fields">
    <label for="dsw-save-name">Name</label>
    <input id="dsw-save-name" class="jp-mod-styled" required maxlength="100"
      pattern=".*\\S.*" autocomplete="off" spellcheck="false" />
    <label for="dsw-save-description">Description</label>
    <textarea id="dsw-save-description" class="jp-mod-styled" maxlength="2000" rows="2"
      placeholder="What was installed, and what for (optional)"></textarea>
    <div class="dsw-SaveForm-row">
      <div>
        <label for="dsw-save-mode">Mode</label>
        <div class="jp-select-wrapper">
          <select id="dsw-save-mode" class="jp-mod-styled" aria-describedby="dsw-save-mode-hint">
            <option value="consistent">Consistent</option>
            <option value="live">Live</option>
          </select>
        </div>
      </div>
      <div>
        <label for="dsw-save-tag">Tag</label>
        <input id="dsw-save-tag" class="jp-mod-styled" maxlength="128" placeholder="latest (optional)"
          pattern="[A-Za-z0-9_][A-Za-z0-9._\\-]*" autocomplete="off" spellcheck="false"
          title="Letters, digits, dots, dashes and underscores; it moves here from the image that has it." />
      </div>
    </div>
    <p id="dsw-save-mode-hint" class="dsw-SaveForm-hint"></p>
    <label for="dsw-save-exclude">Leave out</label>
    <textarea id="dsw-save-exclude" class="jp-mod-styled" rows="2" spellcheck="false"
      placeholder="/opt/cache&#10;*.ckpt"></textarea>
    <p class="dsw-SaveForm-hint">
      One path a line; * stands for anything. Your files in the workspace folder, mounted data and
      credentials are never saved.
    </p>
  </div>
`;

const wait = (milliseconds: number): Promise<void> =>
  new Promise(resolve => setTimeout(resolve, milliseconds));

export class SaveForm
  extends Widget
  implements Dialog.IBodyWidget<ISnapshotRequest>
{
  constructor(private _api: Pick<IApi, 'forecast' | 'instance'>) {
    super();
    this.addClass('dsw-SaveForm');
    this.node.innerHTML = FORM;
    this._view = new ForecastView();
    this._forecaster = new Forecaster(
      _api,
      state => this._view.display(state),
      wait
    );
    this.node.append(this._view.node);
    this._field('mode').addEventListener('change', () => this._explain());
    this._field('exclude').addEventListener(
      'input',
      () => void this._forecaster.update(this._ask())
    );
    this._explain();
  }

  getValue(): ISnapshotRequest {
    return {
      name: this._field('name').value.trim(),
      description: this._field('description').value.trim(),
      mode: this._field('mode').value as SnapshotMode,
      tag: this._field('tag').value.trim() || null,
      ...this._ask()
    };
  }

  override dispose(): void {
    this._forecaster.stop();
    this._view.dispose();
    super.dispose();
  }

  protected override onAfterAttach(): void {
    void this._forecaster.start(this._ask());
    void this._suggest();
    // The dialog looks for invalid fields on input only, and an empty name is invalid at once.
    requestAnimationFrame(() => this._check());
  }

  /** A name that can be typed over, unless there is one already. */
  private async _suggest(): Promise<void> {
    const name = this._field('name');
    try {
      const { display_name } = await this._api.instance();
      if (!name.value && !this.isDisposed) {
        name.value = suggestName(display_name, new Date());
        name.select();
        this._check();
      }
    } catch {
      // Whoever saves can name it alone.
    }
  }

  private _check(): void {
    this._field('name').dispatchEvent(new Event('input', { bubbles: true }));
  }

  private _explain(): void {
    const mode = this._field('mode').value as SnapshotMode;
    this.node.querySelector('#dsw-save-mode-hint')!.textContent = MODES[mode];
  }

  private _ask(): { exclude: string[] } {
    return { exclude: patterns(this._field('exclude').value) };
  }

  private _field(name: string): HTMLInputElement {
    return this.node.querySelector(`#dsw-save-${name}`)!;
  }

  private _forecaster: Forecaster;
  private _view: ForecastView;
}
