import { errors } from 'undici';
import { expect, test } from 'vitest';
import { explain } from './trouble.ts';

const call = {
  method: 'GET',
  url: 'http://h/x',
  path: '/x',
  headers: { authorization: 'Bearer sk-123456' },
  body: undefined,
  signal: new AbortController().signal,
  connectMs: 5000,
  headersMs: 1000,
  stallMs: 1000,
  lastOnConnection: false,
} as const;

function coded(code: string): Error {
  return Object.assign(new AggregateError([], ''), { code });
}

test.each([
  [new errors.ConnectTimeoutError(), 'target', 'http://h/x: no connection within 5000 ms'],
  [new errors.HeadersTimeoutError(), 'target', 'GET http://h/x: no answer within 1000 ms'],
  [coded('ENOTFOUND'), 'target', 'http://h/x: no such host (ENOTFOUND)'],
  [coded('ECONNREFUSED'), 'target', 'http://h/x: connection refused'],
  [coded('EHOSTUNREACH'), 'target', 'http://h/x: host cannot be reached (EHOSTUNREACH)'],
  [
    coded('DEPTH_ZERO_SELF_SIGNED_CERT'),
    'target',
    'GET http://h/x: AggregateError (DEPTH_ZERO_SELF_SIGNED_CERT)',
  ],
  [new errors.ClientDestroyedError(), 'interrupted', 'GET http://h/x: our side was closed'],
  ['odd', 'target', 'GET http://h/x: odd'],
])('%s', (thrown, code, message) => {
  const error = explain(thrown, call);
  expect(error).toMatchObject({ code, message, cause: thrown });
});
