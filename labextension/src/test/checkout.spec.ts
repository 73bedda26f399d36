import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ApiError } from '../api.js';
import { describeCheckout, followCheckout } from '../checkout.js';
import type { IProgress } from '../progress.js';
import type { ICodeProgress } from '../tokens.js';

function code(values: Partial<ICodeProgress>): ICodeProgress {
  return {
    state: 'Cloning',
    directory: 'model',
    percent: null,
    message: '',
    ended_at: '',
    ...values
  };
}

const READY = code({
  state: 'Ready',
  message: 'The code is there.',
  ended_at: 'noon'
});

class Memory {
  getItem(key: string): string | null {
    return this._items.get(key) ?? null;
  }

  setItem(key: string, value: string): void {
    this._items.set(key, value);
  }

  private _items = new Map<string, string>();
}

/** What is shown when the server answers with these in turn. */
async function shown(
  answers: (ICodeProgress | Error)[],
  memory = new Memory()
): Promise<(IProgress | undefined)[]> {
  const seen: (IProgress | undefined)[] = [];
  const api = {
    async code(): Promise<ICodeProgress> {
      const answer = answers.shift();
      if (!answer || answer instanceof Error) {
        throw answer ?? new Error('asked once too often');
      }
      return answer;
    }
  };
  await followCheckout(
    api,
    memory,
    progress => seen.push(progress),
    async () => undefined
  );
  assert.deepEqual(answers, []);
  return seen;
}

test('a clone is shown with its share, and its end as a success', () => {
  assert.deepEqual(describeCheckout(code({})), {
    kind: 'in-progress',
    message: 'Cloning the code into model'
  });
  assert.deepEqual(describeCheckout(code({ directory: '', percent: 40 })), {
    kind: 'in-progress',
    message: 'Cloning the code: 40 %'
  });
  assert.equal(describeCheckout(READY)?.kind, 'success');
  const failed = code({ state: 'Failed', message: 'No such branch.' });
  assert.equal(describeCheckout(failed)?.kind, 'error');
});

test('a clone is followed to its end and every change is shown once', async () => {
  const seen = await shown([
    code({ percent: 10 }),
    code({ percent: 10 }),
    code({ percent: 20 }),
    READY
  ]);
  assert.deepEqual(
    seen.map(progress => progress?.message),
    [
      'Cloning the code into model: 10 %',
      'Cloning the code into model: 20 %',
      'The code is there.'
    ]
  );
});

test('an end is told once in a browser, and again after another start', async () => {
  const memory = new Memory();
  assert.equal((await shown([READY], memory)).length, 1);
  assert.equal((await shown([READY], memory)).length, 0);
  const later = { ...READY, ended_at: 'evening' };
  assert.equal((await shown([later], memory)).length, 1);
});

test('an end that another window has told takes the progress away here, too', async () => {
  const memory = new Memory();
  await shown([READY], memory);
  const seen = await shown([code({}), READY], memory);
  assert.equal(seen.length, 2);
  const quiet = code({ state: 'Ready', ended_at: 'noon' });
  assert.deepEqual((await shown([code({}), quiet], memory))[1], undefined);
});

test('without a code source nothing is shown', async () => {
  assert.deepEqual(await shown([code({ state: null })]), []);
});

test('a server that does not answer for a while is asked again', async () => {
  const lost = new ApiError(0, 'The instance does not answer.');
  assert.equal((await shown([lost, lost, READY])).length, 1);
});

test('a server without the route is asked once', async () => {
  await assert.rejects(shown([new ApiError(404, 'Not found.')]));
});
