import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  count,
  formatBytes,
  formatDuration,
  formatShare,
  percent,
  shorten
} from '../format.js';
import { describe } from '../progress.js';
import type { IGpu, IMetrics, ISnapshot } from '../tokens.js';
import { describeUsage, KillCounter } from '../usage.js';

const GIB = 1024 ** 3;

test('bytes are read with one decimal at most', () => {
  assert.deepEqual(
    [0, 1, 1023, 1024, 1536, GIB, 5 * 1024 ** 5].map(formatBytes),
    ['0 B', '1 B', '1023 B', '1 KiB', '1.5 KiB', '1 GiB', '5120 TiB']
  );
  assert.equal(formatShare(GIB / 2, 4 * GIB), '0.5 / 4 GiB');
  assert.equal(formatShare(100 * 1024 ** 2, 512 * 1024 ** 2), '100 / 512 MiB');
  assert.deepEqual(
    [percent(1, 0), percent(999, 1000), percent(3, 2)],
    [0, 99, 100]
  );
});

test('durations are read in the unit that fits', () => {
  assert.deepEqual([0.4, 40, 89, 90, 3600, 5400, 36000].map(formatDuration), [
    '0 s',
    '40 s',
    '89 s',
    '2 min',
    '60 min',
    '1.5 h',
    '10 h'
  ]);
});

test('what is counted and what is shortened', () => {
  assert.deepEqual(
    [count(1, 'path'), count(2, 'path'), count(31234, 'entry', 'entries')],
    ['1 path', '2 paths', '31,234 entries']
  );
  assert.deepEqual(
    [shorten('abc', 3), shorten('abcd', 3), shorten('環境環境', 3)],
    ['abc', 'ab…', '環境…']
  );
});

function saving(values: Partial<ISnapshot>): ISnapshot {
  return {
    id: 'snap-1',
    name: 'mine',
    state: 'Copying',
    message: '',
    bytes_done: 0,
    bytes_total: null,
    rate: null,
    seconds_left: null,
    frozen_ms: null,
    ...values
  };
}

test('progress names phase, bytes and per cent as far as they are known', () => {
  assert.deepEqual(describe(saving({ state: 'Preparing' })), {
    kind: 'in-progress',
    message: 'Saving “mine”: looking for what changed'
  });
  assert.equal(
    describe(saving({ bytes_done: 2048 })).message,
    'Saving “mine”: copying files, 2 KiB'
  );
  assert.deepEqual(
    describe(
      saving({ state: 'Pushing', bytes_done: GIB / 4, bytes_total: GIB })
    ),
    {
      kind: 'in-progress',
      message: 'Saving “mine”: storing the image, 256 MiB of 1 GiB (25 %)',
      share: 0.25
    }
  );
});

test('progress names rate and time left, and its share moves a bar', () => {
  const progress = describe(
    saving({
      bytes_done: GIB / 2,
      bytes_total: GIB,
      rate: GIB / 8,
      seconds_left: 4
    })
  );
  assert.deepEqual(progress, {
    kind: 'in-progress',
    message:
      'Saving “mine”: copying files, 512 MiB of 1 GiB (50 %), 128 MiB/s, 4 s left',
    share: 0.5
  });
});

test('a long name leaves room for the figures', () => {
  const name = '環'.repeat(100);
  const { message } = describe(
    saving({
      name,
      state: 'Freezing',
      bytes_done: 1023.9 * GIB,
      bytes_total: 1024 * GIB,
      rate: 1000,
      seconds_left: 5000
    })
  );
  assert.ok(message.length <= 140, message);
  assert.match(message, /83 min left$/);
});

test('the end says what became of it', () => {
  const end = (state: ISnapshot['state'], message = '') => {
    const { kind, message: text } = describe(saving({ state, message }));
    return [kind, text];
  };
  assert.deepEqual(end('Saved'), ['success', 'Saved as image “mine”']);
  assert.deepEqual(end('Failed', 'The disk is full.'), [
    'error',
    '“mine” was not saved. The disk is full.'
  ]);
  assert.deepEqual(end('Cancelled'), ['info', 'Saving “mine” was cancelled']);
});

function metrics(values: Partial<IMetrics> = {}): IMetrics {
  return {
    cpu_percent: 12.4,
    cpu_limit: 2,
    memory_used: GIB / 2,
    memory_limit: 4 * GIB,
    oom_kills: 0,
    gpus: [],
    ...values
  };
}

function gpu(utilization: number | null, used: number): IGpu {
  return {
    index: 0,
    name: 'A100',
    utilization,
    memory_used: used,
    memory_total: 100
  };
}

function texts(values: Partial<IMetrics>): string[] {
  return describeUsage(metrics(values)).figures.map(({ text }) => text);
}

function warnings(values: Partial<IMetrics>): boolean[] {
  return describeUsage(metrics(values)).figures.map(
    ({ isWarning }) => isWarning
  );
}

test('the status bar shows CPU and memory, and GPUs where there are any', () => {
  assert.deepEqual(texts({}), ['CPU 12 %', 'Memory 0.5 / 4 GiB']);
  assert.equal(texts({ gpus: [gpu(30, 1)] })[2], 'GPU 30 %');
  assert.equal(texts({ gpus: [gpu(30, 1), gpu(50, 1)] })[2], '2 x GPU 40 %');
  assert.equal(texts({ gpus: [gpu(null, 7)] })[2], 'GPU 7 % memory');
});

test('a figure warns above 90 per cent and not before', () => {
  assert.deepEqual(warnings({ cpu_percent: 90 }), [false, false]);
  assert.deepEqual(warnings({ cpu_percent: 90.5 }), [true, false]);
  assert.deepEqual(warnings({ memory_used: 3.7 * GIB }), [false, true]);
  const busyGpu = { gpus: [gpu(100, 90)] };
  assert.deepEqual(warnings(busyGpu), [false, false, false]);
  assert.deepEqual(warnings({ gpus: [gpu(0, 1), gpu(0, 91)] }), [
    false,
    false,
    true
  ]);
});

test('the tooltip has every detail', () => {
  const { details } = describeUsage(
    metrics({ oom_kills: 2, gpus: [gpu(30, 50)] })
  );
  assert.equal(
    details,
    [
      'CPU: 12.4 % of 2 cores',
      'Memory: 512 MiB of 4 GiB (12 %)',
      'GPU 0 (A100): 30 %, 50 B of 100 B',
      'Killed for lack of memory: 2'
    ].join('\n')
  );
});

test('only kills since the last look are news', () => {
  const counter = new KillCounter();
  assert.deepEqual(
    [3, 3, 5, 0, 1].map(kills => counter.update(kills)),
    [0, 0, 2, 0, 1]
  );
});
