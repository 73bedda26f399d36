/** The status-bar item of an image that is being saved; there is none otherwise. */

import { Signal, type ISignal } from '@lumino/signaling';
import { Widget } from '@lumino/widgets';
import type { IProgress } from './progress.js';
import { element } from './sectionList.js';

export class SavingStatus extends Widget {
  /**
   * @param reveal - Called when somebody wants to see more.
   */
  constructor(reveal: () => void) {
    super({ node: document.createElement('button') });
    this.addClass('dsw-SavingStatus');
    this._bar = element('progress', '') as HTMLProgressElement;
    this._text = element('span', '');
    this.node.append(this._bar, this._text);
    this.node.addEventListener('click', reveal);
  }

  /** Whether the status bar shows it. */
  get isActive(): boolean {
    return this._isActive;
  }

  get activeStateChanged(): ISignal<this, void> {
    return this._activeStateChanged;
  }

  display({ kind, message, share }: IProgress): void {
    this._isActive = kind === 'in-progress';
    this._activeStateChanged.emit();
    this.node.title = message;
    if (share === undefined) {
      this._bar.removeAttribute('value');
    } else {
      this._bar.value = share;
    }
    this._text.textContent =
      share === undefined ? 'Saving' : `Saving ${Math.floor(100 * share)} %`;
  }

  private _isActive = false;
  private _activeStateChanged = new Signal<this, void>(this);
  private _bar: HTMLProgressElement;
  private _text: HTMLElement;
}
