/** The part of the form that shows what would be saved. */

import { Widget } from '@lumino/widgets';
import type { ForecastState } from './forecast.js';
import { element, sectionNodes } from './sectionList.js';

export class ForecastView extends Widget {
  constructor() {
    super();
    this.addClass('dsw-Forecast');
    this.node.setAttribute('role', 'status');
    this.node.setAttribute('aria-label', 'What will be saved');
  }

  display(state: ForecastState): void {
    this.node.classList.toggle('dsw-mod-loading', state.state === 'loading');
    if (state.state === 'loading') {
      // What was known stays, greyed out: a form that jumps cannot be filled in.
      if (!this.node.childElementCount || this._failed) {
        this.node.replaceChildren(loading());
      }
      this._failed = false;
      return;
    }
    this._failed = state.state === 'failed';
    this.node.replaceChildren(
      ...(state.state === 'failed'
        ? [element('p', 'dsw-Forecast-error', state.message)]
        : [
            element('p', 'dsw-Forecast-headline', state.headline),
            ...sectionNodes(state.sections)
          ])
    );
  }

  private _failed = false;
}

function loading(): HTMLElement {
  const node = element('p', 'dsw-Forecast-loading');
  node.append(
    element('span', 'dsw-Spinner'),
    element('span', '', 'Looking at what would be saved…')
  );
  return node;
}
