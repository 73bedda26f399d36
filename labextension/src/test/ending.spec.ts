import assert from 'node:assert/strict';
import { test } from 'node:test';
import { describeEnding } from '../ending.js';
import { patterns, suggestName } from '../saveRequest.js';
import type { IReport, ISnapshot } from '../tokens.js';

const SAVED: ISnapshot = {
  id: 'snap-1',
  name: 'mine',
  state: 'Saved',
  message: '',
  bytes_done: 1024 ** 3,
  bytes_total: 1024 ** 3,
  rate: null,
  seconds_left: null,
  frozen_ms: 214
};

function report(values: Partial<IReport> = {}): IReport {
  return {
    frozen_ms: 214,
    changes: [],
    left_out: [],
    more_left_out: 0,
    findings: [],
    ...values
  };
}

test('the end names the image, its size, the pause and what was left out', () => {
  const leftOut = [{ path: '/root/.ssh', reason: 'credentials' }];
  const ending = describeEnding(
    SAVED,
    report({ left_out: leftOut, more_left_out: 2 })
  );
  assert.equal(ending.kind, 'success');
  assert.equal(
    ending.message,
    'Saved as image “mine”, 1 GiB, paused for 0.21 s, 3 paths left out'
  );
  assert.equal(ending.sections[0].title, 'Left out (3)');
});

test('what looks like a secret is a warning with places and what to do', () => {
  const findings = [{ path: '/opt/settings.py', line: 12, kind: 'AWS key' }];
  const one = describeEnding(SAVED, report({ findings }));
  assert.deepEqual(
    [one.kind, one.message],
    ['warning', 'Saved as image “mine”, but 1 place in it looks like a secret']
  );
  assert.deepEqual(one.sections[0].rows, [['/opt/settings.py:12', 'AWS key']]);
  assert.match(one.sections[0].advice!, /Delete the image/);
  const two = describeEnding(
    SAVED,
    report({
      findings: [...findings, { path: '/opt/key', line: 0, kind: 'k' }]
    })
  );
  assert.match(
    two.summary,
    /^Saved as image “mine”, 1 GiB, paused for 0.21 s$/
  );
  assert.match(two.message, /2 places in it look like secrets$/);
  assert.equal(two.sections[0].rows[1][0], '/opt/key');
});

test('without a report the end is told all the same', () => {
  const { kind, message, sections } = describeEnding({
    ...SAVED,
    frozen_ms: null,
    bytes_done: 0
  });
  assert.deepEqual([kind, message], ['success', 'Saved as image “mine”']);
  assert.deepEqual(sections, []);
});

test('what was not saved has nothing more to tell', () => {
  const { kind, sections } = describeEnding(
    { ...SAVED, state: 'Cancelled' },
    report({ left_out: [{ path: '/x', reason: 'y' }] })
  );
  assert.deepEqual([kind, sections], ['info', []]);
});

test('a name is suggested from the instance and the minute', () => {
  const now = new Date(2026, 0, 5, 9, 7);
  assert.equal(
    suggestName('Training 环境', now),
    'Training 环境 2026-01-05 09:07'
  );
  assert.equal(suggestName('', now), '2026-01-05 09:07');
  const long = suggestName('x'.repeat(100), now);
  assert.deepEqual(
    [long.length, long.endsWith(' 2026-01-05 09:07')],
    [100, true]
  );
});

test('patterns are the lines that say something, each once', () => {
  assert.deepEqual(patterns(' /opt/cache \n\n*.ckpt\r\n*.ckpt\n'), [
    '/opt/cache',
    '*.ckpt'
  ]);
  assert.deepEqual(patterns('  \n'), []);
});
