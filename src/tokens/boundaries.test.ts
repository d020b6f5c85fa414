import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { boundariesOf } from './boundaries.ts';
import { repaired } from './definition.ts';
import type { Definition } from './definition.ts';
import { patternFacts } from './pattern.ts';

const PATHS: Readonly<Record<string, string>> = {
  thinker: '../../models/thinker/hf/tokenizer.json',
  gpt2: 'fixtures/gpt2.json',
  llama3: 'fixtures/llama3.json',
  llama2: 'fixtures/llama2.json',
  unigram: 'fixtures/unigram.json',
};

async function definitionOf(name: string): Promise<Definition> {
  const file = fileURLToPath(new URL(PATHS[name] ?? '', import.meta.url));
  return repaired(JSON.parse(await readFile(file, 'utf8')) as Definition);
}

const PAIRS = [
  'a ',
  'a\n',
  '\na',
  ' a',
  '  ',
  '\n ',
  'ab',
  '.a',
  'a.',
  '1a',
  '好，',
  '，好',
  '|i',
  'm_',
  'éa',
];

describe('which two characters are never held together', () => {
  test.each([
    ['thinker', ['a ', 'a\n', '\na', 'a.', '1a', '好，']],
    ['gpt2', ['a ', 'a\n', '\na', '.a', 'a.', '1a', '好，', '，好']],
    ['llama3', ['a ', 'a\n', '\na', 'a.', '1a', '好，']],
    ['llama2', ['a ', '\n ']],
    ['unigram', ['a ', '  ', '\n ']],
  ])('%s', async (name, separate) => {
    const rule = boundariesOf(await definitionOf(name));
    const found = PAIRS.filter((pair) => rule?.separates(pair.slice(0, 1), pair.slice(1)));
    expect(found).toEqual(separate);
  });

  test('not where a token of the vocabulary holds them', async () => {
    const definition = await definitionOf('llama2');
    const vocab = { ...(definition.model.vocab as Record<string, number>), 'a▁b': 999 };
    const rule = boundariesOf({ ...definition, model: { ...definition.model, vocab } });
    expect(rule?.separates('a', ' ')).toBe(false);
    expect(rule?.separates('c', ' ')).toBe(true);
  });

  test('not where an added token may take the white space', async () => {
    const definition = await definitionOf('gpt2');
    const token = { id: 999, content: '<mask>', special: true, lstrip: true };
    const rule = boundariesOf({ ...definition, added_tokens: [token] });
    expect(rule?.separates('\n', 'a')).toBe(false);
    expect(rule?.separates('a', '\n')).toBe(true);
  });

  test('unknown parts: no answer', async () => {
    const definition = await definitionOf('gpt2');
    const part = { type: 'Lowercase' };
    expect(boundariesOf({ ...definition, normalizer: part })).toBeUndefined();
    expect(boundariesOf({ ...definition, pre_tokenizer: { type: 'Whitespace' } })).toBeUndefined();
  });
});

test.each([
  '(?<=a)b',
  'a(?!bc)',
  '^a',
  'a$',
  '\\bword',
  '(a|b)+',
  '(a)\\1',
  'a+?',
  '[\\w]+',
  '[a-z&&[aeiou]]',
  '\\h+',
  '(a',
  'a)',
  '.+',
])('a pattern that is not read: %s', (source) => {
  expect(patternFacts(source)).toBeUndefined();
});

test('a pattern of o200k is read', () => {
  const facts = patternFacts(
    "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
  );
  expect(facts?.mayJoin('a', ' ')).toBe(false);
  expect(facts?.mayJoin('a', "'")).toBe(true);
  expect(facts?.mayJoin('.', '/')).toBe(true);
  expect(facts?.alwaysStarts(' ')).toBe(true);
  expect(facts?.alwaysStarts('1')).toBe(true);
});
