import assert from 'node:assert/strict';
import { test } from 'node:test';
import { withoutTerminalRequest } from '../openTerminal.js';

const LAB = 'http://localhost:8000/user/alice/train/lab';

test('a request for a terminal is taken out of the address, and nothing else', () => {
  for (const [asked, left] of [
    ['?dsw=terminal', ''],
    ['?dsw=terminal#here', '#here'],
    ['?reset&dsw=terminal', '?reset='],
    ['/tree/a%20b?dsw=terminal&x=1', '/tree/a%20b?x=1']
  ]) {
    assert.equal(withoutTerminalRequest(LAB + asked), LAB + left);
  }
});

test('an address that asks for no terminal is left alone', () => {
  for (const other of [
    '',
    '?dsw=',
    '?dsw=notebook',
    '?terminal=1',
    '#dsw=terminal'
  ]) {
    assert.equal(withoutTerminalRequest(LAB + other), undefined);
  }
});
