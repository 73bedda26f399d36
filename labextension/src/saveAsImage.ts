/** Asks for a name, starts a snapshot and shows it as a notification until it ends. */

import { Dialog, Notification, showDialog } from '@jupyterlab/apputils';
import { Follower } from './follower.js';
import { hasEnded, type IProgress } from './progress.js';
import { SaveForm } from './saveForm.js';
import type { IApi, ISnapshot, ISnapshotRequest } from './tokens.js';

export class SaveAsImage {
  /**
   * @param console - Address of the console, where saved images are.
   */
  constructor(
    private _api: IApi,
    private _console: string | undefined
  ) {}

  /** The whole way from the form to the saved image. */
  async run(): Promise<void> {
    const request = await ask();
    if (!request) {
      return;
    }
    try {
      await this._follow(await this._api.save(request));
    } catch (error) {
      const message = `“${request.name}” was not saved. ${(error as Error).message}`;
      Notification.error(message, { autoClose: false });
    }
  }

  /** Show what was started before this page was loaded. */
  async resume(): Promise<void> {
    const running = (await this._api.snapshots()).filter(
      snapshot => !hasEnded(snapshot)
    );
    await Promise.all(running.map(snapshot => this._follow(snapshot)));
  }

  private async _follow(snapshot: ISnapshot): Promise<void> {
    let id = '';
    const follower = new Follower(this._api, ({ kind, message }) => {
      const actions = this._actions(kind, follower);
      const options = { autoClose: false as const, actions };
      const update = { id, message, type: kind, ...options };
      // Who closed the notification wants no progress, but still the end.
      const isWanted = !id || kind !== 'in-progress';
      if (!(id && Notification.update(update)) && isWanted) {
        id = Notification.emit(message, kind, options);
      }
    });
    await follower.follow(snapshot);
  }

  private _actions(
    kind: IProgress['kind'],
    follower: Follower
  ): Notification.IAction[] {
    if (kind === 'in-progress') {
      return [{ label: 'Cancel', callback: event => cancel(event, follower) }];
    }
    const address = this._console;
    if (kind === 'success' && address) {
      const callback = (): void => {
        window.open(address, '_blank', 'noopener');
      };
      return [{ label: 'Open the console', displayType: 'link', callback }];
    }
    return [];
  }
}

async function ask(): Promise<ISnapshotRequest | null> {
  const result = await showDialog({
    title: 'Save as Image',
    body: new SaveForm(),
    buttons: [Dialog.cancelButton(), Dialog.okButton({ label: 'Save' })],
    focusNodeSelector: '#dsw-save-name'
  });
  return result.button.accept ? result.value : null;
}

async function cancel(event: MouseEvent, follower: Follower): Promise<void> {
  // The notification stays until the snapshot has really ended.
  event.preventDefault();
  const refusal = await follower.cancel();
  if (refusal) {
    Notification.error(refusal);
  }
}
