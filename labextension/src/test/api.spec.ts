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

const REQUEST = {
  name: 'n',
  description: '',
  mode: 'live' as const,
  tag: null,
  exclude: ['*.ckpt']
};

test('save sends exactly the form', async () => {
  const { api, calls } = answering(Response.json({ id: 'snap-1' }));
  await api.save(REQUEST);
  assert.deepEqual(calls, [['POST', 'snapshots', JSON.stringify(REQUEST)]]);
});

test('a forecast is asked for what would be saved', async () => {
  const { api, calls } = answering(Response.json({ size: 1 }));
  await api.forecast({ exclude: ['/opt'] });
  assert.deepEqual(calls, [
    ['POST', 'snapshots/forecast', '{"exclude":["/opt"]}']
  ]);
});

test('a report is unwrapped', async () => {
  const { api, calls } = answering(
    Response.json({ image_id: 'img-1', report: { frozen_ms: 5 } })
  );
  assert.deepEqual(await api.report('snap-1'), { frozen_ms: 5 });
  assert.deepEqual(calls, [['GET', 'snapshots/snap-1/report', undefined]]);
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

test('a path of files stays one parameter, whatever is in it', async () => {
  for (const path of ['../x', 'a&version=9', 'a?b#c', ' a ', '%2e', '猫']) {
    const { api, calls } = answering(Response.json({ items: [], next: null }));
    await api.files('ds-1', path, 'c/1');
    const [[, address]] = calls as [[string, string]];
    const [place, query] = address.split('?');
    assert.equal(place, 'datasets/ds-1/files');
    const asked = new URLSearchParams(query);
    assert.deepEqual(
      [asked.get('path'), asked.get('limit'), asked.get('cursor')],
      [path, '100', 'c/1']
    );
  }
});

test('mounts that have ended are left out', async () => {
  const items = [
    { id: 'a', ended_at: null },
    { id: 'b', ended_at: 'now' }
  ];
  const { api } = answering(Response.json({ items, next: null }));
  assert.deepEqual(await api.mounts(), [items[0]]);
});

test('a mount is asked for, added and removed', async () => {
  const gone = answering(new Response(null, { status: 204 }));
  await gone.api.removeMount('../x', true);
  const stays = answering(Response.json({}));
  await stays.api.removeMount('mnt-1', false);
  await stays.api.mount('mnt-1', 1).catch(() => undefined);
  assert.deepEqual(
    [...gone.calls, ...stays.calls],
    [
      ['DELETE', 'mounts/..%2Fx?force=true', undefined],
      ['DELETE', 'mounts/mnt-1', undefined],
      ['GET', 'mounts/mnt-1?wait=1', undefined]
    ]
  );
  const request = { dataset: 'ds-1', access: 'ro' as const, keep: false };
  const added = answering(Response.json({ id: 'mnt-2' }, { status: 201 }));
  assert.deepEqual(await added.api.addMount(request), { id: 'mnt-2' });
  assert.deepEqual(added.calls, [['POST', 'mounts', JSON.stringify(request)]]);
});
