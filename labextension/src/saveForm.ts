/** The form that asks for an image's name and description. */

import type { Dialog } from '@jupyterlab/apputils';
import { Widget } from '@lumino/widgets';
import type { ISnapshotRequest } from './tokens.js';

const FORM = `
  <label for="dsw-save-name">Name</label>
  <input id="dsw-save-name" class="jp-mod-styled" required maxlength="100"
    pattern=".*\\S.*" autocomplete="off" spellcheck="false" />
  <p class="dsw-SaveForm-hint">1 to 100 characters. This is what the catalog shows.</p>
  <label for="dsw-save-description">Description</label>
  <textarea id="dsw-save-description" maxlength="2000"
    placeholder="What was installed, and what for (optional)"></textarea>
  <p class="dsw-SaveForm-hint">
    Installed packages and changed system files are saved; your files in the workspace folder,
    mounted data and credentials are not.
  </p>
`;

export class SaveForm
  extends Widget
  implements Dialog.IBodyWidget<ISnapshotRequest>
{
  constructor() {
    super();
    this.addClass('dsw-SaveForm');
    this.node.innerHTML = FORM;
  }

  getValue(): ISnapshotRequest {
    return {
      name: this._name.value.trim(),
      description: this.node.querySelector('textarea')!.value.trim()
    };
  }

  protected override onAfterAttach(): void {
    // The dialog looks for invalid fields on input only, and an empty name is invalid at once.
    requestAnimationFrame(() =>
      this._name.dispatchEvent(new Event('input', { bubbles: true }))
    );
  }

  private get _name(): HTMLInputElement {
    return this.node.querySelector('input')!;
  }
}
