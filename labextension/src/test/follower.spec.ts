import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ApiError } from '../api.js';
import { Follower } from '../follower.js';
import type { IProgress } from '../progress.js';
import type { IApi, ISnapshot, SnapshotState } from '../tokens.js';

function snapshot(state: SnapshotState, done = 0): ISnapshot {
  return {
    id: 'snap-1',
    name: 'mine',
    state,
    message: '',
    bytes_done: done,
    bytes_total: 100,
    rate: null,
    seconds_left: null,
    frozen_ms: null
  };
}

/** Answers with these in turn; an error is thrown. */
class ScriptedApi implements Partial<IApi> {
  constructor(private _answers: (ISnapshot | Error)[]) {}

  async snapshot(): Promise<ISnapshot> {
    const answer = this._answers.shift();
    if (!answer || answer instanceof Error) {
      throw answer ?? new Error('asked once too often');
    }
    return answer;
  }

  async cancel(id: string): Promise<ISnapshot> {
    this.cancelled.push(id);
    throw new ApiError(409, 'It has ended already.');
  }

  cancelled: string[] = [];
}

function follower(answers: (ISnapshot | Error)[]) {
  const shown: IProgress[] = [];
  const waits: number[] = [];
  const api = new ScriptedApi(answers);
  const made = new Follower(
    api as unknown as IApi,
    progress => shown.push(progress),
    async milliseconds => void waits.push(milliseconds)
  );
  return { api, made, shown, waits };
}

test('a snapshot is followed to its end and every change is shown once', async () => {
  const { made, shown, waits } = follower([
    snapshot('Copying', 50),
    snapshot('Copying', 50),
    snapshot('Saved')
  ]);
  const ended = await made.follow(snapshot('Preparing'));
  assert.equal(ended?.state, 'Saved');
  assert.deepEqual(
    shown.map(({ kind, message }) => [kind, message.split(': ')[1]]),
    [
      ['in-progress', 'looking for what changed, 0 B of 100 B (0 %)'],
      ['in-progress', 'copying files, 50 B of 100 B (50 %)'],
      ['success', undefined]
    ]
  );
  assert.deepEqual(waits, [1000, 1000, 1000]);
});

test('one that has ended already is shown and not asked for', async () => {
  const { made, shown } = follower([]);
  await made.follow(snapshot('Failed'));
  assert.deepEqual(
    shown.map(progress => progress.kind),
    ['error']
  );
});

test('a workbench that is restarted is waited for, ever more patiently', async () => {
  const away = new ApiError(503, 'Control does not answer.');
  const { made, shown, waits } = follower([
    ...Array(6).fill(away),
    new ApiError(0, 'The instance does not answer.'),
    snapshot('Copying', 10),
    snapshot('Saved')
  ]);
  const ended = await made.follow(snapshot('Copying', 10));
  assert.equal(ended?.state, 'Saved');
  assert.deepEqual(
    waits,
    [1000, 2000, 4000, 8000, 15000, 15000, 15000, 15000, 1000]
  );
  assert.match(shown[1].message, /Control does not answer. Trying again.$/);
  assert.equal(shown.at(-1)?.kind, 'success');
});

test('a refusal ends it with the sentence of the refusal', async () => {
  const { made, shown } = follower([new ApiError(404, 'No such snapshot.')]);
  assert.equal(await made.follow(snapshot('Copying')), undefined);
  assert.deepEqual(shown.at(-1), {
    kind: 'error',
    message: 'No such snapshot.'
  });
});

test('cancelling asks for this snapshot and hands on a refusal', async () => {
  const { api, made } = follower([]);
  assert.equal(await made.cancel(), undefined);
  assert.deepEqual(api.cancelled, []);
  await made.follow(snapshot('Saved'));
  assert.equal(await made.cancel(), 'It has ended already.');
  assert.deepEqual(api.cancelled, ['snap-1']);
});
