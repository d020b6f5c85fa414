import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { around, compareTexts, hasEdges } from './compare.ts';

const word = fc.stringMatching(/^[a-z]{3,10}$/);
const core = fc.array(word, { minLength: 2, maxLength: 6 }).map((words) => words.join(' '));
const space = fc.stringMatching(/^[ \n\t]{1,3}$/);

describe('compareTexts', () => {
  test('is equal for the same text, and for nothing else', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (held, sent) => {
        expect(compareTexts(held, sent) === 'equal').toBe(held === sent);
      }),
    );
  });

  test('names trimming at either edge', () => {
    fc.assert(
      fc.property(space, core, space, (before, text, after) => {
        const held = before + text + after;
        for (const sent of [held.trim(), held.trimStart(), held.trimEnd()])
          expect(compareTexts(held, sent)).toBe('trimmed');
        expect(hasEdges(held)).toBe(true);
        expect(hasEdges(text)).toBe(false);
      }),
    );
  });

  test('names a text that is sent twice, whole or its end', () => {
    fc.assert(
      fc.property(core, fc.nat(), (held, n) => {
        const from = n % (held.length - 3);
        expect(compareTexts(held, held + held)).toBe('repeated');
        expect(compareTexts(held, `${held} ${held}`)).toBe('repeated');
        expect(compareTexts(held, held + held.slice(from).trim())).toBe('repeated');
      }),
    );
  });

  test('names a beginning, a loss, a broken character and anything else', () => {
    fc.assert(
      fc.property(core, fc.integer({ min: 1 }), (held, n) => {
        const part = held.slice(0, 1 + (n % (held.length - 1)));
        expect(compareTexts(held, part)).toBe('cut-short');
        expect(compareTexts(held, '')).toBe('dropped');
        expect(compareTexts(held, `${part}\uFFFD`)).toBe('broken');
        expect(compareTexts(held, `${held}!`)).toBe('altered');
      }),
    );
  });
});

test('evidence shows the first difference of both texts', () => {
  const held = `${'a'.repeat(100)}b${'c'.repeat(100)}`;
  const shown = around(held, held.replace('b', 'B'));
  expect(shown.held).toMatch(/^…a{24}bc+…$/);
  expect(shown.sent).toMatch(/^…a{24}Bc+…$/);
});
