/** What the dataset panel knows, and what its buttons do; it needs no Lab. */

import type {
  IDataApi,
  IDataset,
  IFileEntry,
  IMount,
  IMountRequest,
  IPreview
} from './dataTokens.js';
import { describeHolders, isUnderWay } from './mountText.js';

const MOST_PAGES = 25;
const WAIT = 1;

/** The files of the chosen dataset, as far as they were asked for. */
export interface IFolder {
  path: string;
  entries: IFileEntry[];
  next: string | null;
  isLoading: boolean;
  error: string;
}

const EMPTY: IFolder = {
  path: '',
  entries: [],
  next: null,
  isLoading: false,
  error: ''
};

export class DataModel {
  /**
   * @param changed - Called after every change.
   */
  constructor(
    private _api: IDataApi,
    private _changed: () => void
  ) {}

  datasets: IDataset[] = [];
  mounts: IMount[] = [];
  filter = '';
  isLoaded = false;
  /** Why datasets or mounts could not be asked for. */
  error = '';
  chosen?: IDataset;
  folder: IFolder = EMPTY;
  preview?: IPreview;
  previewError = '';
  /** Why the chosen dataset was not mounted. */
  refusal = '';
  isMounting = false;

  /** The datasets that fit the filter: all of its words, anywhere. */
  get shown(): IDataset[] {
    const words = this.filter.toLowerCase().split(/\s+/).filter(Boolean);
    return this.datasets.filter(dataset => {
      const text = searchable(dataset);
      return words.every(word => text.includes(word));
    });
  }

  mountsOf(dataset: IDataset): IMount[] {
    return this.mounts.filter(mount => mount.dataset_id === dataset.id);
  }

  /** Why a mount was not taken away, by its id. */
  refusalOf(mount: IMount): string {
    return this._refusals.get(mount.id) ?? '';
  }

  /** Ask for everything anew. */
  async refresh(): Promise<void> {
    try {
      this.datasets = await this._allDatasets();
      const id = this.chosen?.id;
      this.chosen = this.datasets.find(dataset => dataset.id === id);
      this.isLoaded = true;
    } catch (error) {
      this.error = (error as Error).message;
      this._changed();
      return;
    }
    await this.updateMounts();
  }

  /** Ask for what may have changed by itself: mounts; for all where there is nothing yet. */
  poll(): Promise<void> {
    return this.isLoaded ? this.updateMounts() : this.refresh();
  }

  /** Ask for the mounts alone. */
  async updateMounts(): Promise<void> {
    try {
      this.mounts = await this._api.mounts();
      this.error = '';
      this.mounts.filter(isUnderWay).forEach(mount => this._follow(mount));
    } catch (error) {
      this.error = (error as Error).message;
    }
    this._changed();
  }

  setFilter(text: string): void {
    this.filter = text;
    this._changed();
  }

  /** Show a dataset, or none where it is shown already. */
  async choose(dataset: IDataset): Promise<void> {
    this.chosen = this.chosen?.id === dataset.id ? undefined : dataset;
    this.refusal = '';
    this.folder = EMPTY;
    this._folderTurn++;
    this._closePreview();
    this._changed();
    if (this.chosen?.browsable) {
      await this.enter('');
    }
  }

  /** Show a folder of the chosen dataset. */
  async enter(path: string): Promise<void> {
    this._folderTurn++;
    this._closePreview();
    await this._load({ ...EMPTY, path, isLoading: true });
  }

  /** Show what comes after in the same folder. */
  async more(): Promise<void> {
    if (this.folder.next && !this.folder.isLoading) {
      await this._load({ ...this.folder, isLoading: true });
    }
  }

  /** Enter a folder, or preview a file. */
  async open(entry: IFileEntry): Promise<void> {
    if (entry.kind === 'folder') {
      return this.enter(entry.path);
    }
    const turn = this._closePreview();
    const dataset = this.chosen!;
    try {
      const preview = await this._api.preview(dataset.id, entry.path);
      if (turn === this._previewTurn) {
        this.preview = preview;
      }
    } catch (error) {
      if (turn === this._previewTurn) {
        this.previewError = `${entry.name}: ${(error as Error).message}`;
      }
    }
    this._changed();
  }

  closePreview(): void {
    this._closePreview();
    this._changed();
  }

  /** Mount the chosen dataset. */
  async mount(request: Omit<IMountRequest, 'dataset'>): Promise<void> {
    const dataset = this.chosen;
    if (!dataset || this.isMounting) {
      return;
    }
    this.isMounting = true;
    this.refusal = '';
    this._changed();
    try {
      const mount = await this._api.addMount({
        dataset: dataset.id,
        ...request
      });
      this._put(mount);
      this._follow(mount);
    } catch (error) {
      if (this.chosen?.id === dataset.id) {
        this.refusal = (error as Error).message;
      }
    }
    this.isMounting = false;
    this._changed();
  }

  /** Take a mount away; `force` also when processes use it. */
  async unmount(mount: IMount, force: boolean): Promise<void> {
    this._refusals.delete(mount.id);
    this._put({ ...mount, state: 'Unmounting', reason: '', message: '' });
    this._changed();
    try {
      await this._api.removeMount(mount.id, force);
      await this._follow(mount);
    } catch (error) {
      // Where processes use it, the mount itself names them.
      const now = await this._api.mount(mount.id, 0).catch(() => mount);
      if (!describeHolders(now)) {
        this._refusals.set(mount.id, (error as Error).message);
      }
      this._put(now);
      this._changed();
    }
  }

  private async _allDatasets(): Promise<IDataset[]> {
    const found: IDataset[] = [];
    let cursor: string | undefined;
    for (let page = 0; page < MOST_PAGES; page++) {
      const { items, next } = await this._api.datasets(cursor);
      found.push(...items);
      if (next === null) {
        break;
      }
      cursor = next;
    }
    return found;
  }

  private async _load(folder: IFolder): Promise<void> {
    const turn = this._folderTurn;
    const dataset = this.chosen!;
    this.folder = folder;
    this._changed();
    let loaded: IFolder;
    try {
      const { path, entries, next } = folder;
      const page = await this._api.files(dataset.id, path, next ?? undefined);
      const all = [...entries, ...page.items];
      loaded = { ...EMPTY, path, entries: all, next: page.next };
    } catch (error) {
      const message = (error as Error).message;
      loaded = { ...folder, isLoading: false, error: message };
    }
    // Whoever has gone on meanwhile does not want it any more.
    if (turn === this._folderTurn) {
      this.folder = loaded;
      this._changed();
    }
  }

  /** Ask until it is neither being mounted nor unmounted; once at a time for each. */
  private async _follow({ id }: IMount): Promise<void> {
    if (this._followed.has(id)) {
      return;
    }
    this._followed.add(id);
    try {
      for (;;) {
        const mount = await this._api.mount(id, WAIT);
        this._put(mount);
        this._changed();
        if (!isUnderWay(mount)) {
          return;
        }
      }
    } catch {
      // The list, which is asked for all the time, tells what became of it.
    } finally {
      this._followed.delete(id);
    }
  }

  private _put(mount: IMount): void {
    const others = this.mounts.filter(({ id }) => id !== mount.id);
    const at = this.mounts.findIndex(({ id }) => id === mount.id);
    if (mount.ended_at === null) {
      others.splice(at < 0 ? others.length : at, 0, mount);
    }
    this.mounts = others;
  }

  private _closePreview(): number {
    this.preview = undefined;
    this.previewError = '';
    return ++this._previewTurn;
  }

  private _folderTurn = 0;
  private _previewTurn = 0;
  private _followed = new Set<string>();
  private _refusals = new Map<string, string>();
}

function searchable(dataset: IDataset): string {
  const { name, description, kind, owner, labels } = dataset;
  const pairs = Object.entries(labels).map(([key, value]) => `${key}=${value}`);
  return [name, description, kind, owner, ...pairs].join(' ').toLowerCase();
}
