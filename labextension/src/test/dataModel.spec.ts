import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DataModel } from '../dataModel.js';
import type {
  IDataApi,
  IDataset,
  IFileEntry,
  IMount,
  IPage
} from '../dataTokens.js';

function dataset(name: string, rest: Partial<IDataset> = {}): IDataset {
  return {
    id: `ds-${name}`,
    name,
    description: '',
    labels: {},
    kind: 's3',
    uri: `s3://data/${name}`,
    owner: 'bob',
    version: 1,
    writable: true,
    browsable: true,
    ...rest
  };
}

function mount(name: string, rest: Partial<IMount> = {}): IMount {
  return {
    id: `mnt-${name}`,
    dataset_id: `ds-${name}`,
    dataset_name: name,
    version: 1,
    kind: 'dynamic',
    name,
    target: `/mnt/dynamic/${name}`,
    access: 'ro',
    keep: false,
    state: 'Mounted',
    reason: '',
    message: '',
    percent: null,
    holders: [],
    ended_at: null,
    ...rest
  };
}

const file = (path: string): IFileEntry => ({
  name: path.split('/').pop()!,
  path,
  kind: 'file',
  size: 1
});

/** Answers as it is told; what was asked is in `calls`. */
class StandIn implements IDataApi {
  calls: string[] = [];
  pages: IPage<IDataset>[] = [
    { items: [dataset('imagenet'), dataset('census')], next: null }
  ];
  all: IMount[] = [];
  steps: IMount[] = [];
  refusal?: Error;
  isBusy = false;
  folders = new Map<string, Promise<IPage<IFileEntry>>>();

  async datasets(cursor?: string): Promise<IPage<IDataset>> {
    this._ask(`datasets ${cursor ?? ''}`);
    return this.pages[Number(cursor ?? 0)];
  }

  async files(
    _: string,
    path: string,
    cursor = ''
  ): Promise<IPage<IFileEntry>> {
    this._ask(`files ${path} ${cursor}`);
    const empty = Promise.resolve({ items: [], next: null });
    return this.folders.get(`${path}${cursor}`) ?? empty;
  }

  async preview(_: string, path: string): Promise<never> {
    this._ask(`preview ${path}`);
    return { path, kind: 'text', text: 'x' } as never;
  }

  async mounts(): Promise<IMount[]> {
    this._ask('mounts');
    return this.all;
  }

  async mount(id: string): Promise<IMount> {
    this._ask(`mount ${id}`);
    return this.steps.length > 1 ? this.steps.shift()! : this.steps[0];
  }

  async addMount(request: unknown): Promise<IMount> {
    this._ask(`add ${JSON.stringify(request)}`);
    return mount('imagenet', { state: 'Mounting' });
  }

  async removeMount(id: string, force: boolean): Promise<void> {
    this._ask(`remove ${id} ${force}`);
    if (this.isBusy && !force) {
      throw new Error('It is in use.');
    }
  }

  private _ask(what: string): void {
    this.calls.push(what);
    if (this.refusal) {
      throw this.refusal;
    }
  }
}

async function made(): Promise<{ api: StandIn; model: DataModel }> {
  const api = new StandIn();
  const model = new DataModel(api, () => undefined);
  await model.refresh();
  return { api, model };
}

/** Lets everything that waits for nothing else be done. */
const settle = (): Promise<void> =>
  new Promise(resolve => setImmediate(resolve));

test('datasets are read over all pages and filtered by all words', async () => {
  const api = new StandIn();
  const labels = { domain: 'Vision' };
  api.pages = [
    { items: [dataset('imagenet', { labels })], next: '1' },
    { items: [dataset('census', { kind: 'nas' })], next: null }
  ];
  const model = new DataModel(api, () => undefined);
  await model.refresh();
  for (const [filter, names] of [
    ['', ['imagenet', 'census']],
    ['NAS', ['census']],
    [' bob  domain=vision ', ['imagenet']],
    ['bob none', []]
  ] as const) {
    model.setFilter(filter);
    assert.deepEqual(
      model.shown.map(({ name }) => name),
      names
    );
  }
});

test('a refusal is kept until the next answer', async () => {
  const { api, model } = await made();
  api.refusal = new Error('Control does not answer.');
  await model.updateMounts();
  assert.equal(model.error, 'Control does not answer.');
  assert.equal(model.datasets.length, 2);
  api.refusal = undefined;
  await model.updateMounts();
  assert.equal(model.error, '');
});

test('what could not be had at first is asked for again', async () => {
  const api = new StandIn();
  const model = new DataModel(api, () => undefined);
  api.refusal = new Error('It restarts.');
  await model.poll();
  assert.deepEqual([model.isLoaded, model.error], [false, 'It restarts.']);
  api.refusal = undefined;
  await model.poll();
  assert.deepEqual([model.isLoaded, model.error], [true, '']);
  await model.poll();
  assert.equal(api.calls.filter(call => call === 'datasets ').length, 2);
});

test('choosing shows the top folder, choosing again nothing', async () => {
  const { api, model } = await made();
  api.folders.set('', Promise.resolve({ items: [file('a')], next: '7' }));
  api.folders.set('7', Promise.resolve({ items: [file('b')], next: null }));
  const [imagenet] = model.datasets;
  await model.choose(imagenet);
  assert.deepEqual(model.folder.entries, [file('a')]);
  await model.more();
  assert.deepEqual(model.folder.entries, [file('a'), file('b')]);
  await model.more();
  assert.equal(api.calls.filter(call => call.startsWith('files')).length, 2);
  await model.choose(imagenet);
  assert.equal(model.chosen, undefined);
});

test('what control cannot list is not asked for', async () => {
  const { api, model } = await made();
  await model.choose(dataset('code', { browsable: false }));
  assert.deepEqual(api.calls, ['datasets ', 'mounts']);
});

test('an answer that comes too late is not shown', async () => {
  const { api, model } = await made();
  let late!: (page: IPage<IFileEntry>) => void;
  api.folders.set('slow', new Promise(resolve => (late = resolve)));
  api.folders.set('quick', Promise.resolve({ items: [file('q')], next: null }));
  await model.choose(model.datasets[0]);
  const slow = model.enter('slow');
  await model.enter('quick');
  late({ items: [file('s')], next: null });
  await slow;
  assert.equal(model.folder.path, 'quick');
  assert.deepEqual(model.folder.entries, [file('q')]);
});

test('a preview does not keep the rest of a folder from coming', async () => {
  const { api, model } = await made();
  let late!: (page: IPage<IFileEntry>) => void;
  api.folders.set('', Promise.resolve({ items: [file('a')], next: '1' }));
  api.folders.set('1', new Promise(resolve => (late = resolve)));
  await model.choose(model.datasets[0]);
  const more = model.more();
  await model.open(file('a'));
  late({ items: [file('b')], next: null });
  await more;
  assert.equal(model.folder.entries.length, 2);
  assert.equal(model.preview?.path, 'a');
  model.closePreview();
  assert.equal(model.preview, undefined);
});

test('a folder is entered, a file that cannot be read is a sentence', async () => {
  const { api, model } = await made();
  await model.choose(model.datasets[0]);
  await model.open({ ...file('train'), kind: 'folder' });
  assert.equal(model.folder.path, 'train');
  api.refusal = new Error('It is gone.');
  await model.open(file('train/a'));
  assert.equal(model.previewError, 'a: It is gone.');
  await model.enter('');
  assert.equal(model.folder.error, 'It is gone.');
});

test('a dataset is mounted and followed until it is there', async () => {
  const { api, model } = await made();
  await model.choose(model.datasets[0]);
  const waits = mount('imagenet', { state: 'Mounting', percent: 40 });
  api.steps = [waits, mount('imagenet')];
  await model.mount({ access: 'rw', keep: true });
  await settle();
  const request = { dataset: 'ds-imagenet', access: 'rw', keep: true };
  assert.ok(api.calls.includes(`add ${JSON.stringify(request)}`));
  assert.deepEqual(model.mountsOf(model.datasets[0]), [mount('imagenet')]);
  assert.equal(
    api.calls.filter(call => call === 'mount mnt-imagenet').length,
    2
  );
});

test('a refused mount says why, beside its dataset alone', async () => {
  const { api, model } = await made();
  await model.choose(model.datasets[0]);
  api.refusal = new Error('Only bob may write.');
  await model.mount({ access: 'rw', keep: false });
  assert.equal(model.refusal, 'Only bob may write.');
  assert.equal(model.isMounting, false);
  api.refusal = undefined;
  await model.choose(model.datasets[1]);
  assert.equal(model.refusal, '');
});

test('what is in use stays, and is taken away by force', async () => {
  const { api, model } = await made();
  api.all = [mount('imagenet')];
  await model.updateMounts();
  const busy = mount('imagenet', {
    reason: 'Busy',
    holders: [{ pid: 7, command: 'bash' }]
  });
  api.steps = [busy];
  api.isBusy = true;
  await model.unmount(model.mounts[0], false);
  assert.deepEqual(model.mounts, [busy]);
  assert.equal(model.refusalOf(busy), '');
  api.steps = [
    mount('imagenet', { state: 'Unmounted', ended_at: '2026-01-01' })
  ];
  await model.unmount(busy, true);
  assert.deepEqual(model.mounts, []);
  assert.ok(api.calls.includes('remove mnt-imagenet true'));
});

test('a refused unmount leaves the mount as it was, with the reason', async () => {
  const { api, model } = await made();
  const kept = mount('imagenet');
  api.all = [kept];
  await model.updateMounts();
  api.refusal = new Error('The instance is being stopped.');
  await model.unmount(kept, false);
  assert.deepEqual(model.mounts, [kept]);
  assert.equal(model.refusalOf(kept), 'The instance is being stopped.');
});

test('what others began to mount is followed, once', async () => {
  const { api, model } = await made();
  api.all = [mount('census', { state: 'Mounting' })];
  api.steps = [mount('census')];
  await model.updateMounts();
  await settle();
  assert.equal(model.mounts[0].state, 'Mounted');
  assert.equal(api.calls.filter(call => call.startsWith('mount ')).length, 1);
});
