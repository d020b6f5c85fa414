import { expect, test } from 'vitest';
import { THINKING } from '../seam/fixtures.test-help.ts';
import type { GeneratedToken, Generation } from '../seam/generation.ts';
import { keptText } from './kept-text.ts';

const PROMPT = '[INST]Hi[/INST]';

/** A generation of these tokens; an empty one is a control token that the server does not print. */
function generationOf(pieces: readonly (string | Uint8Array)[]): Generation {
  const tokens = pieces.map((piece, id): GeneratedToken => {
    const bytes = typeof piece === 'string' ? new Uint8Array(Buffer.from(piece)) : piece;
    return { id, bytes, phase: 'content' };
  });
  return { ...THINKING, promptText: PROMPT, tokens, length: tokens.length };
}

/** `[THINK]Two and[/THINK]It is`, of which the server prints no tag. */
const HIDDEN = generationOf(['', 'Two', ' and', '', 'It', ' is']);

test.each([
  [6, '[INST]Hi[/INST][THINK]Two and[/THINK]It is', '[THINK]Two and[/THINK]It is'],
  [5, '[INST]Hi[/INST][THINK]Two and[/THINK]It', '[THINK]Two and[/THINK]It'],
  [4, '[INST]Hi[/INST][THINK]Two and[/THINK]', '[THINK]Two and[/THINK]'],
  [3, '[INST]Hi[/INST][THINK]Two and', '[THINK]Two and'],
  [1, '[INST]Hi[/INST][THINK]', '[THINK]'],
])('after %i tokens the prompt tells the tags', (kept, rendered, text) => {
  expect(keptText(HIDDEN, kept, kept, rendered)).toBe(text);
});

test('the text after what agrees is the kept one, not the prompt’s', () => {
  const rendered = '[INST]Hi[/INST][THINK]Two and[/THINK]It   was';
  expect(keptText(HIDDEN, 6, 5, rendered)).toBe('[THINK]Two and[/THINK]It is');
});

test('where the prompt does not agree nothing is taken from it', () => {
  expect(keptText(HIDDEN, 3, 0, '[INST]Hi[/INST]<nothing>')).toBe('Two and');
  expect(keptText(HIDDEN, 3, 3, '[SYSTEM]Hi')).toBe('Two and');
  const long = `[INST]Hi[/INST]${'x'.repeat(50)}Two and`;
  expect(keptText(HIDDEN, 3, 3, long)).toBe('Two and');
});

test('the tag behind which the prompt goes another way is told, and nothing of that way', () => {
  const spaced = generationOf(['', '\n', 'Two']);
  expect(keptText(spaced, 3, 1, `${PROMPT}[THINK]Two`)).toBe('[THINK]\nTwo');
  expect(keptText(HIDDEN, 5, 4, `${PROMPT}[THINK]Two and[/THINK]</s>`)).toBe(
    '[THINK]Two and[/THINK]It',
  );
  // Nothing tells here where the tag ends.
  expect(keptText(spaced, 3, 1, `${PROMPT}THINK: Two`)).toBe('\nTwo');
  expect(keptText(spaced, 3, 1, `${PROMPT}Two <s>`)).toBe('\nTwo');
});

test('what stands behind a last tag is not part of it', () => {
  for (const more of ['</s>', '[THINK]', ' ', 'Two', '<|im_end|>\n'])
    expect(keptText(HIDDEN, 1, 1, `${PROMPT}[THINK]${more}`)).toBe('[THINK]');
});

test('control tokens next to each other', () => {
  const channels = generationOf(['', 'analysis', '', 'Two', '', '', 'assistant', '', 'final', '']);
  const text =
    '<|channel|>analysis<|message|>Two<|end|><|start|>assistant<|channel|>final<|message|>';
  for (const [kept, size] of [
    [10, text.length],
    [9, text.indexOf('<|message|>', 40)],
    [6, text.indexOf('assistant')],
    [4, text.indexOf('<|end|>')],
    [0, 0],
  ] as const) {
    const rendered = PROMPT + text.slice(0, size);
    expect(keptText(channels, kept, kept, rendered)).toBe(text.slice(0, size));
    expect(keptText(channels, kept, kept, `${rendered}<|end|>`)).toBe(text.slice(0, size));
  }
  // Of two that stand together one agrees alone: then neither is told.
  expect(keptText(channels, 6, 5, PROMPT + text)).toBe('analysisTwo');
});

test('a tag has up to 40 characters', () => {
  for (const [length, told] of [
    [40, true],
    [41, false],
  ] as const) {
    const tag = `<${'x'.repeat(length - 2)}>`;
    const kept = keptText(HIDDEN, 3, 3, `${PROMPT}${tag}Two and`);
    expect(kept).toBe(told ? `${tag}Two and` : 'Two and');
    expect(keptText(HIDDEN, 1, 1, PROMPT + tag)).toBe(told ? tag : '');
  }
});

test('no tag at all where the text stands at once', () => {
  expect(keptText(HIDDEN, 3, 3, `${PROMPT}Two and`)).toBe('Two and');
  expect(keptText(HIDDEN, 3, 3, `${PROMPT}Too and`)).toBe('Two and');
  expect(keptText(HIDDEN, 6, 6, `${PROMPT}[THINK]Two andIt is`)).toBe('[THINK]Two andIt is');
});

test('what the text behind it ends may be of any form', () => {
  expect(keptText(HIDDEN, 3, 3, `${PROMPT}think: Two and`)).toBe('think: Two and');
});

test('another prompt before the answer tells nothing, nor does a shorter one', () => {
  const other = PROMPT.replace('Hi', 'Ho');
  expect(keptText(HIDDEN, 3, 3, `${other}[THINK]Two and`)).toBe('Two and');
  expect(keptText(generationOf(['Two', '', 'It']), 3, 3, '')).toBe('TwoIt');
});

test('a server that does not tell its prompt tells no tags', () => {
  const { promptText: _, ...rest } = HIDDEN;
  const without = { ...rest, promptText: undefined };
  expect(keptText(without, 6, 6, '[THINK]Two and[/THINK]It is')).toBe('Two andIt is');
});

test('what is kept of a character is left out, and a byte order mark is text', () => {
  const split = generationOf(['', '\uFEFFa', Uint8Array.of(0xe2, 0x82), Uint8Array.of(0xac)]);
  expect(keptText(split, 3, 0, '')).toBe('\uFEFFa');
  expect(keptText(split, 3, 3, `${PROMPT}[THINK]\uFEFFa`)).toBe('[THINK]\uFEFFa');
  expect(keptText(split, 4, 4, `${PROMPT}[THINK]\uFEFFa€`)).toBe('[THINK]\uFEFFa€');
});

test('a generation that prints all of its tokens needs no prompt', () => {
  const k = THINKING.length;
  const whole = keptText(THINKING, k, k, `${THINKING.promptText ?? ''}anything`);
  expect(whole).toContain('Two and two is four.');
});
