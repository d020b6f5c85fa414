import { expect, test } from 'vitest';
import { parseAddress } from './address.ts';

test.each([
  ['http://h', 'http://h'],
  ['http://h/', 'http://h'],
  ['http://h:8080/v1', 'http://h:8080'],
  ['http://h:8080/v1//', 'http://h:8080'],
  ['http://h/p/v1', 'http://h/p'],
  ['http://h/p/v1beta/', 'http://h/p/v1beta'],
  ['HTTPS://H:443/v1#x', 'https://h'],
  ['http://user:pass@h/v1', 'http://h'],
  ['http://[::1]:8080/v1', 'http://[::1]:8080'],
])('%s is %s', (text, url) => {
  expect(parseAddress(text).url).toBe(url);
});

test.each([
  '',
  'localhost:8080',
  '127.0.0.1:8080',
  'ftp://h',
  'http://',
  'file:///x',
  'http://h/?k=1',
])('%j cannot be used', (text) => {
  expect(() => parseAddress(text)).toThrow(expect.objectContaining({ code: 'usage' }));
});

test.each(['ftp://user:secret@h', 'user:secret@h', 'http://user:secret@h:x'])(
  '%s is refused without its password',
  (text) => {
    expect(() => parseAddress(text)).toThrow(/^(?!.*secret)not an http/);
  },
);

test.each([
  ['http://me:pass%20word@h', ['me:pass%20word', 'me:pass word', 'pass%20word', 'pass word']],
  ['http://rk_live_1@h', ['rk_live_1']],
  ['http://rk_live%2F1:x@h', ['rk_live%2F1', 'rk_live/1']],
])('%s holds secrets', (text, secrets) => {
  expect(parseAddress(text).secrets).toEqual(expect.arrayContaining(secrets));
});

test('a user name beside a password is none', () => {
  expect(parseAddress('http://someone:pass%20word@h').secrets).not.toContain('someone');
});
