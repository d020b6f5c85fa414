import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { EMPTY_VIEW, type View } from '../seam/generation.ts';
import { checkPromptText, findWritten, keptIn, markupIn } from './prompt-text.ts';

const HEADER = '<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n';
const OPENING = '<think>\n';
const CLOSING = '\n</think>\n\n';

/** Words without markup, which is what visible texts are made of. */
const words = fc
  .array(fc.constantFrom('so', 'a ', 'b\n', '縫い目', '🪡', '  ', 'x.'), {
    minLength: 1,
    maxLength: 12,
  })
  .map((parts) => `w${parts.join('')}w`);

function messageOf(reasoning: string, content: string): View {
  return { ...EMPTY_VIEW, reasoning, content };
}

/** What a client has read after so many characters of `OPENING + reasoning + CLOSING + content`. */
function viewAfter(reasoning: string, content: string, n: number): View {
  const thought = n - OPENING.length;
  return messageOf(
    reasoning.slice(0, Math.max(0, thought)),
    content.slice(0, Math.max(0, thought - reasoning.length - CLOSING.length)),
  );
}

describe('a message that thinks', () => {
  test('what the model wrote is accepted at every cut', () => {
    fc.assert(
      fc.property(words, words, fc.nat(), (reasoning, content, seed) => {
        const text = OPENING + reasoning + CLOSING + content;
        const written = findWritten(HEADER, text, messageOf(reasoning, content));
        expect(written).toBeDefined();
        if (written === undefined) return;
        expect(markupIn(written)).toEqual({ opening: OPENING, written: OPENING, closing: CLOSING });
        const n = seed % (text.length + 1);
        const evidence = checkPromptText(
          written,
          viewAfter(reasoning, content, n),
          HEADER + text.slice(0, n),
        );
        expect(evidence).toMatchObject({ agrees: true, expected: HEADER + text.slice(0, n) });
      }),
    );
  });

  test('any other prompt is not', () => {
    fc.assert(
      fc.property(words, words, fc.nat(), fc.nat(), (reasoning, content, seed, place) => {
        const text = OPENING + reasoning + CLOSING + content;
        const written = findWritten(HEADER, text, messageOf(reasoning, content));
        if (written === undefined) throw new Error('not found');
        const n = OPENING.length + 1 + (seed % (text.length - OPENING.length));
        const view = viewAfter(reasoning, content, n);
        const right = HEADER + text.slice(0, n);
        const at = place % right.length;
        for (const wrong of [
          right.slice(0, at) + right.slice(at + 1),
          `${right.slice(0, at)}#${right.slice(at)}`,
          `${right}<|im_end|>\n`,
        ]) {
          const longest = HEADER + text;
          // Losing one of several equal characters at the end can leave what another cut leaves.
          if (longest.startsWith(wrong)) continue;
          expect(checkPromptText(written, view, wrong)?.agrees).toBe(false);
        }
      }),
    );
  });

  test('a prompt that keeps less than was read is wrong, one that keeps the held back space is right', () => {
    const written = findWritten(
      HEADER,
      `${OPENING}one \n two${CLOSING}three`,
      messageOf('one \n two', 'three'),
    );
    if (written === undefined) throw new Error('not found');
    const agrees = (view: View, kept: string): boolean | undefined =>
      checkPromptText(written, view, HEADER + kept)?.agrees;
    expect(agrees(messageOf('one', ''), `${OPENING}one`)).toBe(true);
    expect(agrees(messageOf('one', ''), `${OPENING}one \n`)).toBe(true);
    expect(agrees(messageOf('one \n', ''), `${OPENING}one`)).toBe(false);
    expect(agrees(messageOf('one', ''), `${OPENING}on`)).toBe(false);
    expect(agrees(EMPTY_VIEW, '')).toBe(true);
    expect(agrees(EMPTY_VIEW, OPENING)).toBe(true);
    expect(agrees(messageOf('one \n two', ''), `${OPENING}one \n two\n</think>`)).toBe(true);
  });
});

describe('what is not known is not judged', () => {
  const message = messageOf('a thought', 'an answer');

  test.each([
    ['the texts are others', `${OPENING}a thougth${CLOSING}an answer`],
    ['the tags are not told', 'a thought\n\nan answer'],
  ])('%s', (_, text) => {
    expect(findWritten(HEADER, text, message)).toBeUndefined();
  });

  test('tool calls, and views of another message', () => {
    const written = findWritten(HEADER, `${OPENING}a thought${CLOSING}an answer`, message);
    if (written === undefined) throw new Error('not found');
    const toolCalls = [{ name: 'f', arguments: '{' }];
    expect(keptIn(written, { ...message, toolCalls })).toBeUndefined();
    expect(keptIn(written, messageOf('another', ''))).toBeUndefined();
    const called = { ...written, message: { ...message, toolCalls } };
    expect(keptIn(called, { ...message, toolCalls })).toEqual([
      written.text.length,
      written.text.length,
    ]);
    expect(keptIn(written, messageOf('a', 'an'))).toBeUndefined();
  });
});

test('without thinking nothing may stand before the answer', () => {
  const written = findWritten(HEADER, 'an answer', messageOf('', 'an answer'));
  if (written === undefined) throw new Error('not found');
  const view = messageOf('', 'an');
  expect(checkPromptText(written, view, `${HEADER}an`)?.agrees).toBe(true);
  const block = `${HEADER}<think>\n\n</think>\n\nan`;
  expect(checkPromptText(written, view, block)).toMatchObject({
    agrees: false,
    expected: `${HEADER}an`,
    actual: block,
  });
});
