/** Asks what to save, starts a snapshot and shows it until it ends, over reloads of the page. */

import { Dialog, type Notification, showDialog } from '@jupyterlab/apputils';
import { describeEnding, type IEnding } from './ending.js';
import { Follower } from './follower.js';
import { hasEnded, shown, type IProgress } from './progress.js';
import { SaveForm } from './saveForm.js';
import { SavingStatus } from './savingStatus.js';
import { SectionList } from './sectionList.js';
import { Toast } from './toast.js';
import type { IApi, IReport, ISnapshot, ISnapshotRequest } from './tokens.js';

const MOST_SHOWN = 140;

export class SaveAsImage {
  /**
   * @param console - Address of the console, where saved images are.
   */
  constructor(
    private _api: IApi,
    private _console: string | undefined
  ) {}

  /** What the status bar shows of it; a click brings a closed notification back. */
  readonly status = new SavingStatus(() => this._toast.reveal());

  /** The whole way from the form to the saved image. */
  async run(): Promise<void> {
    const request = await this._ask();
    if (!request) {
      return;
    }
    this._toast = new Toast();
    try {
      await this._follow(await this._api.save(request));
    } catch (error) {
      const message = `${shown(request.name)} was not saved. ${(error as Error).message}`;
      this._end({ kind: 'error', message, summary: message, sections: [] });
    }
  }

  /** Show what was started before this page was loaded; there is one at a time. */
  async resume(): Promise<void> {
    const snapshots = await this._api.snapshots();
    const running = snapshots.find(snapshot => !hasEnded(snapshot));
    if (running) {
      await this._follow(running);
    }
  }

  private async _ask(): Promise<ISnapshotRequest | null> {
    const result = await showDialog({
      title: 'Save as Image',
      body: new SaveForm(this._api),
      buttons: [Dialog.cancelButton(), Dialog.okButton({ label: 'Save' })],
      focusNodeSelector: '#dsw-save-name'
    });
    return result.button.accept ? result.value : null;
  }

  private async _follow(snapshot: ISnapshot): Promise<void> {
    const follower = new Follower(this._api, progress => {
      this.status.display(progress);
      if (progress.kind === 'in-progress') {
        const callback = (event: MouseEvent): void =>
          void this._cancel(event, follower);
        this._toast.show(progress, [{ label: 'Cancel', callback }]);
      } else if (progress.kind === 'error') {
        const summary = progress.message;
        this._end({ ...progress, summary, sections: [] });
      }
    });
    const ended = await follower.follow(snapshot);
    if (ended && ended.state !== 'Failed') {
      this._end(describeEnding(ended, await this._report(ended)));
    }
  }

  private async _report(ended: ISnapshot): Promise<IReport | undefined> {
    if (ended.state !== 'Saved') {
      return undefined;
    }
    // The image is saved, whether or not its report can be had.
    return this._api.report(ended.id).catch(() => undefined);
  }

  private async _cancel(event: MouseEvent, follower: Follower): Promise<void> {
    // The notification stays until the snapshot has really ended.
    event.preventDefault();
    const refusal = await follower.cancel();
    if (refusal) {
      new Toast().show({ kind: 'error', message: refusal }, []);
    }
  }

  private _end(ending: IEnding): void {
    const { message, sections } = ending;
    const actions: Notification.IAction[] = [];
    if (sections.length || message.length > MOST_SHOWN) {
      const callback = (event: MouseEvent): void => {
        event.preventDefault();
        void showDetails(ending);
      };
      actions.push({ label: 'Details', callback });
    }
    const address = this._console;
    if (address && ['success', 'warning'].includes(ending.kind)) {
      const callback = (): void => {
        window.open(address, '_blank', 'noopener');
      };
      actions.push({
        label: 'Open the console',
        displayType: 'link',
        callback
      });
    }
    const progress: IProgress = { kind: ending.kind, message };
    this._toast.show(progress, actions);
  }

  private _toast = new Toast();
}

async function showDetails({ summary, sections }: IEnding): Promise<void> {
  await showDialog({
    title: 'Save as Image',
    body: new SectionList(summary, sections),
    buttons: [Dialog.okButton({ label: 'Close' })]
  });
}
