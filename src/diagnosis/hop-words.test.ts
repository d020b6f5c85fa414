import { expect, test } from 'vitest';
import type { Change, FieldChange } from './hop-fields.ts';
import { wordsOf } from './hop-words.ts';

function one(field: string, change: Change, detail = ''): FieldChange {
  return { field, change, detail, sent: undefined, forwarded: undefined };
}

test.each<readonly [string, FieldChange]>([
  ['drops a', one('a', 'dropped')],
  ['trims a (start)', one('a', 'trimmed', 'start')],
  ['joins the parts of a with "\\n"', one('a', 'joined', '\n')],
  ['rewrites a', one('a', 'rewritten')],
  ['rewrites a to b', one('a', 'rewritten', 'b')],
  ['renames a to b', one('a', 'renamed', 'b')],
  ['moves a to extra_body.a', one('a', 'moved', 'extra_body.a')],
  ['rewrites the endpoint to /x', one('endpoint', 'rewritten')],
  ['', one('a', 'kept')],
  ['', one('a', 'reshaped')],
  ['', one('a', 'added')],
])('%s', (words, change) => {
  expect(wordsOf([change], '/x')).toBe(words);
});

test('one clause a kind of change, the gravest first, and each field once', () => {
  const changes = [
    one('a', 'moved', 'b'),
    one('c', 'dropped'),
    one('d', 'dropped'),
    one('c', 'dropped'),
    one('e', 'dropped'),
    one('f', 'rewritten'),
    one('g', 'rewritten'),
    one('h', 'trimmed', 'end'),
    one('k', 'joined', ' '),
    one('i', 'renamed', 'j'),
  ];
  expect(wordsOf(changes, '/x')).toBe(
    'drops c, d and e, rewrites f and g, trims h (end), joins the parts of k with " ", renames i to j, moves a to b',
  );
});

test.each(['stream', 'stream_options', 'user', 'metadata', 'n', 'max_tokens', 'temperature'])(
  '%s says nothing about a resume; a field that has the name in its own does',
  (field) => {
    expect(wordsOf([one(field, 'dropped')], '/x')).toBe('');
    expect(wordsOf([one(`${field}_of`, 'dropped')], '/x')).toBe(`drops ${field}_of`);
    expect(wordsOf([one(`my.${field}`, 'dropped')], '/x')).toBe(`drops my.${field}`);
  },
);
