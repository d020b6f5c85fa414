import { expect, test } from 'vitest';
import { THINKING } from '../seam/fixtures.test-help.ts';
import type { GeneratedToken, Generation } from '../seam/generation.ts';
import { keptText } from './kept-text.ts';

const pieces = ['', 'Two', ' and', '', 'It', ' is'];
const tokens: GeneratedToken[] = pieces.map((text, id) => ({
  id,
  bytes: new Uint8Array(Buffer.from(text)),
  phase: 'content',
}));
/** `[THINK]Two and[/THINK]It is`, of which the server prints no tag. */
const HIDDEN: Generation = { ...THINKING, promptText: '[INST]Hi[/INST]', tokens, length: 6 };

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

test('a generation that prints all of its tokens needs no prompt', () => {
  const k = THINKING.length;
  const whole = keptText(THINKING, k, k, `${THINKING.promptText ?? ''}anything`);
  expect(whole).toContain('Two and two is four.');
});
