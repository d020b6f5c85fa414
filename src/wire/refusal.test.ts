import { describe, expect, test } from 'vitest';
import { describeTrouble, Refusal } from './refusal.ts';

const request = { method: 'GET', url: 'http://h/', body: undefined } as const;

test.each([
  ['{"error":{"message":"a","code":1}}', 'a'],
  ['{"error":"b"}', 'b'],
  ['{"message":"c","object":"error"}', 'c'],
  ['{"detail":"d"}', 'd'],
  [
    '{"detail":[{"loc":["body","messages"],"msg":"Field required"}]}',
    'body.messages: Field required',
  ],
  [
    '{"error":{"code":400,"message":"Provider returned error","metadata":{"raw":"{\\"error\\":{\\"message\\":\\"e\\"}}"}}}',
    'e',
  ],
  ['  plain words\n', 'plain words'],
  ['"a string"', 'a string'],
  ['', 'HTTP 503'],
  ['{}', 'HTTP 503'],
  ['{"error":{"code":7}}', 'HTTP 503'],
  [
    '<!DOCTYPE html><html><head><title>502 Bad Gateway</title>',
    'an HTML page titled "502 Bad Gateway"',
  ],
  ['<html>', 'an HTML page'],
])('%s says %j', (body, message) => {
  expect(new Refusal({ status: 503, body, request }).message).toBe(message);
});

function seconds(retryAfter: string | undefined): number | undefined {
  return new Refusal({ status: 429, body: '', request, retryAfter }).retryAfterSeconds;
}

describe('retry-after', () => {
  test('seconds, or nothing', () => {
    expect([seconds('7'), seconds('0.5'), seconds(undefined), seconds('soon')]).toEqual([
      7,
      0.5,
      undefined,
      undefined,
    ]);
  });

  test('a date', () => {
    const inAMinute = seconds(new Date(Date.now() + 60_000).toUTCString());
    expect(inAMinute).toBeGreaterThan(55);
    expect(inAMinute).toBeLessThanOrEqual(60);
    expect(seconds(new Date(0).toUTCString())).toBe(0);
  });
});

const words = (body: string): string =>
  describeTrouble(new Refusal({ status: 503, body, request }));

describe('what is said of a refusal', () => {
  test('its status, and the server’s words where it gave any', () => {
    expect(words('{"error":{"message":"still\\nloading"}}')).toBe('HTTP 503: still loading');
    expect(words('')).toBe('HTTP 503');
    expect(words('{"error":{"message":"HTTP 503 from behind"}}')).toBe('HTTP 503 from behind');
  });

  test('of other trouble its message', () => {
    expect(describeTrouble(new Error('gone'))).toBe('gone');
    expect(describeTrouble('gone')).toBe('gone');
  });
});
