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
