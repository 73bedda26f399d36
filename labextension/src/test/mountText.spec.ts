import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { IMount, IPreview } from '../dataTokens.js';
import {
  describeHolders,
  describeMount,
  describePreview,
  pathInLab,
  previewTitle
} from '../mountText.js';

const MOUNT: IMount = {
  id: 'mnt-1',
  dataset_id: 'ds-1',
  dataset_name: 'imagenet',
  version: 3,
  kind: 'dynamic',
  name: 'imagenet',
  target: '/mnt/dynamic/imagenet',
  access: 'ro',
  keep: false,
  state: 'Mounted',
  reason: '',
  message: '',
  percent: null,
  holders: [],
  ended_at: null
};

for (const [mount, state, kind, details] of [
  [{}, 'Mounted', 'good', 'version 3, read only'],
  [
    { access: 'rw', keep: true, kind: 'static' },
    'Mounted',
    'good',
    'version 3, read and write, from the start, kept for the next start'
  ],
  [
    { state: 'Mounting', percent: 40.4, message: 'Starting.' },
    'Mounting 40 %',
    'waiting',
    'Starting.'
  ],
  [
    { state: 'Degraded', message: 'No answer from nas1.' },
    'Degraded',
    'bad',
    'It cannot be read now. No answer from nas1. It is tried again.'
  ],
  [{ state: 'Failed', message: 'No bucket.' }, 'Failed', 'bad', 'No bucket.']
] as [Partial<IMount>, string, string, string][]) {
  test(`a mount is shown as ${state}: ${details}`, () => {
    const said = describeMount({ ...MOUNT, ...mount });
    assert.deepEqual(said, { state, kind, details });
  });
}

test('who holds a mount is named, while it is so', () => {
  const holders = [
    { pid: 7, command: 'bash' },
    { pid: 8, command: '' }
  ];
  const busy = { ...MOUNT, reason: 'Busy', holders };
  assert.match(
    describeHolders(busy)!,
    /in use by bash \(7\), a process \(8\)\./
  );
  assert.match(describeHolders({ ...busy, holders: [] })!, /by a process\./);
  assert.equal(describeHolders({ ...busy, state: 'Unmounting' }), undefined);
  assert.equal(describeHolders(MOUNT), undefined);
});

for (const [root, target, path] of [
  ['/mnt', '/mnt/dynamic/x', 'dynamic/x'],
  ['/mnt/', '/mnt/dynamic/x', 'dynamic/x'],
  ['/', '/mnt/dynamic/x', 'mnt/dynamic/x'],
  ['/mnt/dyn', '/mnt/dynamic/x', undefined],
  ['/mnt/workspace', '/mnt/dynamic/x', undefined],
  ['~', '/mnt/dynamic/x', undefined],
  ['', '/mnt/dynamic/x', undefined]
]) {
  test(`where Lab serves ${root}, ${target} is ${path}`, () => {
    assert.equal(pathInLab(root!, target!), path);
  });
}

const PREVIEW: IPreview = {
  path: 'a/b.csv',
  kind: 'table',
  media_type: 'text/csv',
  size: 2048,
  text: '',
  columns: ['x'],
  rows: [['1'], ['2']],
  total_rows: null,
  truncated: false,
  message: ''
};

for (const [preview, said] of [
  [{}, ''],
  [{ truncated: true }, 'This is its beginning.'],
  [{ total_rows: 5000 }, '2 of 5,000 rows.'],
  [{ message: 'Too many columns.', truncated: true }, 'Too many columns.'],
  [{ kind: 'none' }, 'There is no preview of such files.'],
  [
    { kind: 'image', media_type: 'image/png' },
    'An image (image/png). Mount the dataset to see it.'
  ]
] as [Partial<IPreview>, string][]) {
  test(`a preview says: ${said || 'nothing'}`, () => {
    assert.equal(describePreview({ ...PREVIEW, ...preview }), said);
  });
}

test('a preview has its path and size for a title', () => {
  assert.equal(previewTitle(PREVIEW), 'a/b.csv, 2 KiB');
  assert.equal(previewTitle({ ...PREVIEW, size: null }), 'a/b.csv');
});
