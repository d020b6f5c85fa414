import { describe, expect, test } from 'vitest';
import { THINKING } from '../seam/fixtures.test-help.ts';
import type { Generation } from '../seam/generation.ts';
import { nameIdsCause, nameTokenCause } from './tokens.ts';

test.each([
  ['   ', 'space-run'],
  ['\u3000\u3000', 'space-run'],
  ['\n\n', 'newline-run'],
  ['\r\n', 'newline-run'],
  ['\r', 'newline-run'],
  ['  \n', 'newline-run'],
  ['\n  Then', 'newline-run'],
  ['.\n', 'punctuation-newline'],
  [' …\n\n', 'punctuation-newline'],
  ['。\n', 'punctuation-newline'],
  ['<|im_end|>', 'special-literal'],
  ['</s> and so on', 'special-literal'],
  ['</think> ends it', 'special-literal'],
  ['<end_of_turn>', 'special-literal'],
  ['[INST]', 'special-literal'],
  ['[/THINK]', 'special-literal'],
  ['<bos>', 'special-literal'],
  ['<start_of_turn>', 'special-literal'],
  ['a <|im_end|>', 'special-literal'],
  [' ', 'space-run'],
  ['x.\n', 'retokenized'],
  ['.\nx', 'retokenized'],
  ['unbelievable', 'retokenized'],
  ['  indented', 'retokenized'],
  ['1.5', 'retokenized'],
  ['a < b', 'retokenized'],
  ['', 'retokenized'],
])('the same text in other tokens: %j is %s', (text, cause) => {
  expect(nameTokenCause(text)).toEqual({ cause, detail: '' });
});

const PROMPT = [900, 901];

/** A generation of these texts, one token each, with ids from 1 on. */
function generationOf(texts: readonly string[], content = texts.join('')): Generation {
  return {
    ...THINKING,
    promptIds: PROMPT,
    tokens: texts.map((text, i) => ({ id: i + 1, phase: 'content', bytes: Buffer.from(text) })),
    length: texts.length,
    deltas: [{ after: texts.length, content }],
  };
}

function nameOf(texts: readonly string[], actual: readonly number[], content?: string): string {
  const generation = generationOf(texts, content);
  const expected = [...PROMPT, ...texts.map((_, i) => i + 1)];
  const facts = { generation, expected, actual: [...PROMPT, ...actual], kept: texts.length };
  return nameIdsCause(facts).cause;
}

/** The same for tokens whose ids are given. */
function nameOfIds(
  texts: readonly string[],
  ids: readonly number[],
  actual: readonly number[],
): string {
  const generation = generationOf(texts);
  const expected = [...PROMPT, ...ids];
  const facts = { generation, expected, actual: [...PROMPT, ...actual], kept: texts.length };
  return nameIdsCause(facts).cause;
}

describe('other ids for the same tokens', () => {
  const TEXTS = ['The', ' sum', '  ', 'of', '\n\n', 'it', '.', ' And', ' so', ' on'];
  const IDS = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10];

  test('are named by those that changed first, and by no more of them', () => {
    expect(nameOf(TEXTS, IDS.toSpliced(2, 1, 50, 51))).toBe('space-run');
    expect(nameOf(TEXTS, IDS.toSpliced(4, 1, 50, 51, 52))).toBe('newline-run');
    expect(nameOf(TEXTS, IDS.toSpliced(4, 2, 50))).toBe('newline-run');
    expect(nameOf(TEXTS, IDS.toSpliced(3, 2, 50))).toBe('retokenized');
    expect(nameOf(TEXTS, IDS.toSpliced(1, 4, 50, 51))).toBe('retokenized');
    expect(nameOf(TEXTS, IDS.toSpliced(8, 2, 50))).toBe('retokenized');
  });

  test('may differ again further on', () => {
    expect(nameOf(TEXTS, [1, 2, 50, 51, 4, 5, 6, 52])).toBe('space-run');
    expect(nameOf(TEXTS, [1, 2, 50, 51, 4, 52, 6, 7, 53])).toBe('space-run');
  });

  test('from there to the end are all taken together', () => {
    expect(nameOf(['a', '.', '\n'], [1, 50])).toBe('punctuation-newline');
    expect(nameOf(['a', ' ', ' '], [1, 50])).toBe('space-run');
    expect(nameOf(['a', ' '], [1, 50, 51])).toBe('space-run');
  });

  test('at the start are a dummy prefix where one id was added, lost or replaced', () => {
    expect(nameOf(TEXTS, [50, ...IDS])).toBe('dummy-prefix');
    expect(nameOf(TEXTS, IDS.slice(1))).toBe('dummy-prefix');
    expect(nameOf(TEXTS, [50, ...IDS.slice(1)])).toBe('dummy-prefix');
    expect(nameOf(TEXTS, [50, 2, 51, 52, ...IDS.slice(3)])).toBe('retokenized');
    expect(nameOf(TEXTS, [50, 51, ...IDS])).toBe('retokenized');
    expect(nameOf(TEXTS, [50, ...IDS.slice(2)])).toBe('retokenized');
  });

  test('at the start are named by their text where no prefix explains them', () => {
    expect(nameOf(['  ', 'a'], [50, 51, 2])).toBe('space-run');
    expect(nameOf(TEXTS, [50, ...IDS.slice(1), 51])).toBe('retokenized');
  });

  test('that are two for two in the middle end where both go on alike', () => {
    expect(nameOf(['a', '.', '\n', 'b'], [1, 50, 4])).toBe('punctuation-newline');
    expect(nameOf(['a', '.', '\n', 'b', 'c'], [1, 50, 51, 52, 4, 5])).toBe('punctuation-newline');
  });

  test('that only came to the end, or are missing there, change no text', () => {
    expect(nameOf(TEXTS, [...IDS, 50])).toBe('retokenized');
    expect(nameOf(TEXTS, IDS.slice(0, -1))).toBe('retokenized');
    expect(nameOf(['a', '  '], [1])).toBe('space-run');
  });

  test('are at least one on each side, also where one of them comes again', () => {
    expect(nameOfIds(['a', '  ', 'b', '  '], [1, 2, 4, 2], [1, 50, 51, 4, 2])).toBe('space-run');
    expect(nameOfIds(['a', '.', '\n', 'x', 'y'], [1, 2, 3, 5, 50], [1, 50, 51, 5, 50])).toBe(
      'punctuation-newline',
    );
  });

  test('of equal tokens one more is no prefix, since the first one is the same', () => {
    const twice = { ...generationOf(['\n', '\n', 'x']), promptIds: PROMPT };
    const expected = [...PROMPT, 10, 10, 11];
    const facts = { generation: twice, expected, actual: [...PROMPT, 10, 10, 10, 11], kept: 3 };
    expect(nameIdsCause(facts).cause).not.toBe('dummy-prefix');
  });

  test('are named by what is whole of their text', () => {
    const generation = {
      ...generationOf(['a', ' ', '', ' b']),
      tokens: generationOf(['a', ' ', '', ' b']).tokens.with(2, {
        id: 3,
        phase: 'content' as const,
        bytes: Uint8Array.of(0xe2),
      }),
    };
    const expected = [...PROMPT, 1, 2, 3, 4];
    const facts = { generation, expected, actual: [...PROMPT, 1, 50, 4], kept: 4 };
    expect(nameIdsCause(facts).cause).toBe('space-run');
    expect(nameOf(['a', '\uFEFF', ' b'], [1, 50, 51, 3])).toBe('space-run');
  });

  test('further on are no dummy prefix', () => {
    expect(nameOf(TEXTS, IDS.toSpliced(1, 0, 50))).not.toBe('dummy-prefix');
    expect(nameOf(TEXTS, IDS.toSpliced(1, 1))).not.toBe('dummy-prefix');
  });

  test('of the header are a merge with it', () => {
    const generation = generationOf(TEXTS);
    const expected = [...PROMPT, ...IDS];
    const named = (actual: readonly number[]): string =>
      nameIdsCause({ generation, expected, actual, kept: TEXTS.length }).cause;
    expect(named([900, 50, ...IDS.slice(1)])).toBe('header-merged');
    expect(named([50, 901, ...IDS])).toBe('header-merged');
  });
});

describe('text that looks like a control token', () => {
  const TEXTS = ['a', ' <', '|im', '_end|', '>', ' b', ' c'];

  test('is the cause where it begins in what changed', () => {
    expect(nameOf(TEXTS, [1, 50, 6, 7])).toBe('special-literal');
    expect(nameOf(TEXTS, [1, 50, 51, 6, 7])).toBe('special-literal');
  });

  test('or right after it', () => {
    expect(nameOf(['a', ' ', '</s>', ' b'], [1, 50, 51, 3, 4])).toBe('special-literal');
  });

  test('and is not where it comes later, or is markup that is no text of the message', () => {
    expect(nameOf(['a', ' b', ' c', '</s>', ' d'], [1, 50, 51, 3, 4, 5])).toBe('retokenized');
    expect(nameOf(['a', ' b', '</think>', ' d'], [1, 50, 51, 3, 4], 'a b d')).toBe('retokenized');
  });

  test('may stand in the reasoning', () => {
    const texts = ['a', '</s>', ' b'];
    const generation = {
      ...generationOf(texts),
      deltas: [{ after: 3, reasoning: texts.join('') }],
    };
    const expected = [...PROMPT, 1, 2, 3];
    const facts = { generation, expected, actual: [...PROMPT, 1, 50, 51, 3], kept: 3 };
    expect(nameIdsCause(facts).cause).toBe('special-literal');
    const spaced = ['a', ' ', '</s>', ' b'];
    const behind = {
      generation: {
        ...generationOf(spaced),
        deltas: [{ after: 4, reasoning: spaced.join('') }],
      },
      expected: [...PROMPT, 1, 2, 3, 4],
      actual: [...PROMPT, 1, 50, 51, 3, 4],
      kept: 4,
    };
    expect(nameIdsCause(behind).cause).toBe('special-literal');
  });
});

describe('text that normalization changes', () => {
  test('is the cause where it changed, or where the mark follows', () => {
    expect(nameOf(['a', ' e\u0301', ' b'], [1, 50, 51, 3])).toBe('text-normalized');
    expect(nameOf(['a', ' e', '\u0301', ' b'], [1, 50, 51, 3, 4])).toBe('text-normalized');
    expect(nameOf(['a', 'e', '\u0301', ' b'], [1, 2, 50, 51, 4])).toBe('text-normalized');
  });

  test('elsewhere is not', () => {
    expect(nameOf(['a', ' b', ' c', ' e\u0301'], [1, 50, 51, 3, 4])).toBe('retokenized');
    expect(nameOf(['e\u0301', ' a', ' b', ' c'], [1, 2, 50, 51, 4])).toBe('retokenized');
  });

  test('at the very start is looked at, too', () => {
    expect(nameOf(['e\u0301', ' b'], [50, 51, 2])).toBe('text-normalized');
  });

  test('next to it is not, as far as it is whole there', () => {
    expect(nameOf(['e\u0301', 'b', ' c'], [1, 50, 51, 3])).toBe('retokenized');
    expect(nameOf(['e\u0301a', 'b', ' c'], [1, 50, 51, 3])).toBe('retokenized');
    expect(nameOf(['a', 'b', 'e\u0301'], [1, 50, 51, 3])).toBe('retokenized');
  });
});
