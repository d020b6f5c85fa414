/** What a client can have read of a message, where markup or tool calls stand around it. */
import { describe, expect, test } from 'vitest';
import { EMPTY_VIEW, type View } from '../seam/generation.ts';
import { checkPromptText, findWritten, keptIn, markupIn, type Written } from './prompt-text.ts';

const HEADER = '<|im_start|>assistant\n';
const CALL: View['toolCalls'][number] = { name: 'f', arguments: '{}' };

function view(parts: Partial<View>): View {
  return { ...EMPTY_VIEW, ...parts };
}

function written(text: string, message: Partial<View>, header = HEADER): Written {
  const found = findWritten(header, text, view(message));
  if (found === undefined) throw new Error('not found');
  return found;
}

describe('a message is found', () => {
  test.each<readonly [string, string, Partial<View>]>([
    ['with tags between its texts', 'So</think>The', { reasoning: 'So', content: 'The' }],
    ['with nothing before its content', 'The', { content: 'The' }],
    ['with whitespace before its content', ' \n The', { content: 'The' }],
    ['with its thought alone', '<think>So', { reasoning: 'So' }],
    ['with nothing in it', '', {}],
  ])('%s', (_, text, message) => {
    expect(findWritten(HEADER, text, view(message))).toBeDefined();
  });

  test.each<readonly [string, string, Partial<View>]>([
    ['without its thought', 'The', { reasoning: 'So', content: 'The' }],
    ['without its content', 'So</think>', { reasoning: 'So', content: 'The' }],
    ['with its content before its thought', 'The<think>So', { reasoning: 'So', content: 'The' }],
    ['without tags between them', 'So \n The', { reasoning: 'So', content: 'The' }],
    ['with markup before content that has no thought', '<think></think>The', { content: 'The' }],
  ])('but not %s', (_, text, message) => {
    expect(findWritten(HEADER, text, view(message))).toBeUndefined();
  });
});

describe('the markup', () => {
  test('is none without a thought', () => {
    expect(markupIn(written('\nThe', { content: 'The' }))).toEqual({
      opening: '',
      written: '',
      closing: '',
    });
  });

  test.each(['<think>', '<think>\n', '[THINK]', '<|channel|>analysis<|message|>'])(
    'begins with the %j at the end of the prompt',
    (tag) => {
      const message = { reasoning: 'So', content: 'The' };
      expect(markupIn(written('\nSo</t>The', message, HEADER + tag))).toEqual({
        opening: `${tag}\n`,
        written: '\n',
        closing: '</t>',
      });
      expect(markupIn(written('So</t>The', message, `${tag} ${HEADER}`)).opening).toBe('');
    },
  );
});

describe('what was read', () => {
  const TEXT = '<think>So </think>\n\nThe sum \n<end>';
  const thought = { reasoning: 'So' };
  const plain = written(TEXT, { ...thought, content: 'The sum' });
  const calling = written(TEXT, { ...thought, content: 'The sum', toolCalls: [CALL] });
  const at = (piece: string): number => TEXT.indexOf(piece);

  test('of nothing lies before the thought, or before the content where there is none', () => {
    expect(keptIn(plain, view({}))).toEqual([0, at('So')]);
    expect(keptIn(written('\n The', { content: 'The' }), view({}))).toEqual([0, 2]);
  });

  test('of a thought ends in it, with whitespace that may be held back; of all of it before the content', () => {
    expect(keptIn(plain, view({ reasoning: 'S' }))).toEqual([at('o '), at('o ')]);
    expect(keptIn(plain, view(thought))).toEqual([at(' </think>'), at('The')]);
    const spaced = written('<t>So  it</t>Yes', { reasoning: 'So  it', content: 'Yes' });
    expect(keptIn(spaced, view(thought))).toEqual([5, 7]);
  });

  test('of content ends in it, and all of it may be the end of the text', () => {
    expect(keptIn(plain, view({ ...thought, content: 'The' }))).toEqual([at(' sum'), at('sum')]);
    const whole = view({ ...thought, content: 'The sum' });
    expect(keptIn(plain, whole)).toEqual([at(' \n<end>'), TEXT.length]);
    expect(keptIn(calling, whole)).toEqual([at(' \n<end>'), at('<end>')]);
  });

  test('is not known inside a call, and is the whole text after it', () => {
    const message = { ...thought, content: 'The sum' };
    expect(keptIn(calling, view({ ...message, toolCalls: [CALL] }))).toEqual([
      TEXT.length,
      TEXT.length,
    ]);
    const open = { ...CALL, arguments: '{' };
    expect(keptIn(calling, view({ ...message, toolCalls: [open] }))).toBeUndefined();
    const padded = written('The <f>{} \n', { content: 'The', toolCalls: [CALL] });
    expect(keptIn(padded, view({ content: 'The', toolCalls: [CALL] }))).toEqual([9, 11]);
  });

  test('of another message is not known, nor is content without its thought', () => {
    for (const parts of [
      { reasoning: 'x' },
      { ...thought, content: 'x' },
      { reasoning: 'S', content: 'The' },
    ]) {
      expect(keptIn(plain, view(parts))).toBeUndefined();
      expect(checkPromptText(plain, view(parts), HEADER)).toBeUndefined();
    }
  });
});

test('the nearest of the texts that a client cannot tell apart is what should be', () => {
  const one = written('The sum', { content: 'The sum' });
  const check = (actual: string): unknown => checkPromptText(one, view({ content: 'The' }), actual);
  expect(check(`${HEADER}The`)).toMatchObject({ agrees: true, expected: `${HEADER}The` });
  expect(check(`${HEADER}The `)).toMatchObject({ agrees: true, expected: `${HEADER}The ` });
  expect(check(`${HEADER}The sum`)).toMatchObject({ agrees: false, expected: `${HEADER}The ` });
  expect(check(HEADER)).toMatchObject({ agrees: false, expected: `${HEADER}The` });
});
