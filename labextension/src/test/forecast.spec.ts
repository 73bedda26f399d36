import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ApiError } from '../api.js';
import {
  describeForecast,
  Forecaster,
  type ForecastState
} from '../forecast.js';
import type { IForecast } from '../tokens.js';

function forecast(values: Partial<IForecast> = {}): IForecast {
  return {
    size: 1536 * 1024 ** 2,
    entries: 31234,
    since: null,
    folders: [],
    packages: [],
    left_out: [],
    more_left_out: 0,
    refused: [],
    ...values
  };
}

function ready(values: Partial<IForecast>) {
  const state = describeForecast(forecast(values));
  assert.equal(state.state, 'ready');
  return state as Extract<ForecastState, { state: 'ready' }>;
}

test('the headline says how much, and since when', () => {
  assert.equal(
    ready({}).headline,
    '1.5 GiB in 31,234 files and folders to save.'
  );
  assert.equal(
    ready({ since: 'snap-1', entries: 1, size: 10 }).headline,
    '10 B in 1 file or folder, changed since the last save.'
  );
  const nothing = { entries: 0, size: 0 };
  assert.equal(
    ready({ ...nothing, since: 'snap-1' }).headline,
    'Nothing changed since the last save.'
  );
  assert.match(ready(nothing).headline, /^Nothing differs from the image/);
});

test('folders, packages and what is left out are listed with their reasons', () => {
  const { sections } = ready({
    folders: [{ path: '/opt', size: 2048, entries: 3 }],
    packages: [
      { manager: 'pip', name: 'torch', before: null, after: '2.9' },
      { manager: 'pip', name: 'numpy', before: '1', after: '2' },
      { manager: 'apt', name: 'nano', before: '7', after: null }
    ],
    left_out: [{ path: '/root/.ssh', reason: 'credentials' }],
    more_left_out: 3
  });
  assert.deepEqual(sections, [
    { title: 'Biggest folders (1)', rows: [['/opt', '2 KiB']] },
    {
      title: 'Package changes (3)',
      rows: [
        ['torch', 'pip: new, 2.9'],
        ['numpy', 'pip: 1 → 2'],
        ['nano', 'apt: removed, was 7']
      ]
    },
    {
      title: 'Left out (4)',
      rows: [
        ['/root/.ssh', 'credentials'],
        ['and 3 more', '']
      ]
    }
  ]);
});

test('files that cannot be saved come first, with what to do', () => {
  const { sections } = ready({
    folders: [{ path: '/opt', size: 1, entries: 1 }],
    refused: [{ path: '/opt/.wh.x', reason: 'it would mean a deletion' }]
  });
  assert.equal(sections[0].isWarning, true);
  assert.match(sections[0].advice!, /Rename or delete them, or leave them out/);
  assert.deepEqual(sections[0].rows, [
    ['/opt/.wh.x', 'it would mean a deletion']
  ]);
});

test('a long list is cut and its rest counted', () => {
  const packages = Array.from({ length: 40 }, (_, number) => ({
    manager: 'pip',
    name: `p${number}`,
    before: null,
    after: '1'
  }));
  const [{ title, rows }] = ready({ packages }).sections;
  assert.equal(title, 'Package changes (40)');
  assert.deepEqual([rows.length, rows.at(-1)], [13, ['and 28 more', '']]);
});

/** Answers each question when it is told to. */
class HeldApi {
  forecast({ exclude }: { exclude: string[] }): Promise<IForecast> {
    this.asked.push(exclude.join());
    return new Promise((resolve, reject) =>
      this.answers.push({ resolve, reject })
    );
  }

  asked: string[] = [];
  answers: {
    resolve: (forecast: IForecast) => void;
    reject: (error: Error) => void;
  }[] = [];
}

function forecaster() {
  const api = new HeldApi();
  const seen: ForecastState[] = [];
  const settled: (() => void)[] = [];
  const made = new Forecaster(
    api,
    state => seen.push(state),
    () => new Promise(resolve => settled.push(resolve))
  );
  const states = () => seen.map(state => state.state);
  return { api, made, seen, settled, states };
}

test('while it is asked for, the form says so', async () => {
  const { api, made, states } = forecaster();
  const loaded = made.start({ exclude: [] });
  assert.deepEqual(states(), ['loading']);
  api.answers[0].resolve(forecast());
  await loaded;
  assert.deepEqual(states(), ['loading', 'ready']);
});

test('a failure is a sentence, and saving stays possible', async () => {
  const { api, made, seen } = forecaster();
  const loaded = made.start({ exclude: [] });
  api.answers[0].reject(new ApiError(503, 'Control does not answer.'));
  await loaded;
  assert.deepEqual(seen.at(-1), {
    state: 'failed',
    message:
      'What would be saved is not known: Control does not answer. You can save all the same.'
  });
});

test('only what was typed last is asked for, and only once', async () => {
  const { api, made, settled } = forecaster();
  void made.start({ exclude: [] });
  const typed = ['a', 'ab', 'ab'].map(text => made.update({ exclude: [text] }));
  settled.forEach(settle => settle());
  await Promise.all(typed.slice(0, 2));
  assert.deepEqual(api.asked, ['', 'ab']);
  api.answers[1].resolve(forecast());
  await typed[2];
  const same = made.update({ exclude: ['ab'] });
  settled.at(-1)!();
  await same;
  assert.deepEqual(api.asked, ['', 'ab']);
});

test('an answer that comes too late is not shown', async () => {
  const { api, made, seen, settled } = forecaster();
  const first = made.start({ exclude: [] });
  const second = made.update({ exclude: ['/opt'] });
  settled[0]();
  await new Promise(setImmediate);
  api.answers[1].resolve(forecast({ entries: 2 }));
  await second;
  api.answers[0].resolve(forecast({ entries: 1 }));
  await first;
  assert.match(JSON.stringify(seen.at(-1)), /2 files and folders/);
});

test('a closed form is told nothing more', async () => {
  const { api, made, states, settled } = forecaster();
  const loaded = made.start({ exclude: [] });
  const typed = made.update({ exclude: ['x'] });
  made.stop();
  api.answers[0].resolve(forecast());
  settled[0]();
  await Promise.all([loaded, typed]);
  assert.deepEqual(states(), ['loading']);
  assert.deepEqual(api.asked, ['']);
});
