import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Api, ApiError } from '../api.js';

function answering(response: Response | Error) {
  const calls: unknown[] = [];
  const api = new Api(async (path, init) => {
    calls.push([init.method, path, init.body]);
    if (response instanceof Error) {
      throw response;
    }
    return response;
  });
  return { api, calls };
}

test('save sends exactly the form', async () => {
  const { api, calls } = answering(Response.json({ id: 'snap-1' }));
  await api.save({ name: 'n', description: '' });
  assert.deepEqual(calls, [
    ['POST', 'snapshots', '{"name":"n","description":""}']
  ]);
});

test('a list is unwrapped, and an id cannot leave its place in the path', async () => {
  const list = answering(Response.json({ items: [1, 2], next: null }));
  assert.deepEqual(await list.api.snapshots(), [1, 2]);
  const one = answering(Response.json({}));
  await one.api.cancel('../x?');
  assert.deepEqual(one.calls, [
    ['POST', 'snapshots/..%2Fx%3F/cancel', undefined]
  ]);
});

for (const [body, message] of [
  ['{"detail":"Already being saved."}', 'Already being saved.'],
  ['{"message":"Forbidden"}', 'Forbidden'],
  ['<html>Bad gateway</html>', 'The instance answered with status 409.'],
  ['{}', 'The instance answered with status 409.'],
  ['null', 'The instance answered with status 409.']
]) {
  test(`the answer ${body} is the error: ${message}`, async () => {
    const { api } = answering(new Response(body, { status: 409 }));
    await assert.rejects(
      api.metrics(),
      (error: ApiError) =>
        error.message === message && error.status === 409 && !error.isTemporary
    );
  });
}

test('no answer and a server error are temporary', async () => {
  const lost = answering(new TypeError('network'));
  await assert.rejects(
    lost.api.metrics(),
    (error: ApiError) => error.isTemporary
  );
  const down = answering(new Response('', { status: 503 }));
  await assert.rejects(
    down.api.metrics(),
    (error: ApiError) => error.isTemporary
  );
});
