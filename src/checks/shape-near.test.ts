/** Wrong shapes that lie near each other, and the evidence that is told of each. */
import { describe, expect, test } from 'vitest';
import { EMPTY_VIEW, type View } from '../seam/generation.ts';
import { checkShape, type ShapeEvidence } from './shape.ts';

const NONE: ShapeEvidence = { problem: undefined, field: undefined, expected: '', actual: '' };

const view = (parts: Partial<View>): View => ({ ...EMPTY_VIEW, ...parts });

/** Checks what was added to a message; all of it was read. */
function check(
  held: Partial<View>,
  whole: Partial<View>,
  added: Partial<View>,
  finish: { readonly expected: string | undefined; readonly actual: string | undefined } = {
    expected: 'stop',
    actual: 'stop',
  },
): ShapeEvidence {
  return checkShape(view(held), view(whole), view(added), true, finish);
}

/** The problem of a content that goes on with `rest`. */
function problemOf(held: string, rest: string, added: string): string {
  return check({ content: held }, { content: held + rest }, { content: added }).problem ?? 'none';
}

test('what is right has no evidence', () => {
  expect(check({ content: 'a' }, { content: 'ab' }, { content: 'b' })).toEqual(NONE);
  expect(check({}, {}, {})).toEqual(NONE);
});

describe('the finish reason', () => {
  test('is none where the stream states none', () => {
    const finish = { expected: 'stop', actual: undefined };
    expect(check({}, { content: 'a' }, { content: 'a' }, finish)).toEqual({
      problem: 'finish',
      field: 'finish',
      expected: 'stop',
      actual: 'none',
    });
  });

  test('is not compared where the uninterrupted run states none', () => {
    const finish = { expected: undefined, actual: 'stop' };
    expect(check({}, { content: 'a' }, { content: 'a' }, finish)).toEqual(NONE);
  });
});

const told = (expected: string, actual: string): ShapeEvidence => ({
  problem: 'content-as-reasoning',
  field: 'content',
  expected,
  actual,
});

describe('content in the field of the reasoning', () => {
  test('is told with what was expected', () => {
    const [held, whole] = [{ reasoning: 'So.' }, { reasoning: 'So.', content: 'The sum' }];
    expect(check(held, whole, { reasoning: 'The sum' })).toEqual(told('The sum', 'The sum'));
    expect(check(held, whole, { reasoning: '\nThe' })).toEqual(told('The sum', '\nThe'));
    expect(check(held, whole, { reasoning: 'The sum is' }).problem).toBe('content-as-reasoning');
  });

  test('is other reasoning where it is another text, or where no content is left', () => {
    const [held, whole] = [{ reasoning: 'So.' }, { reasoning: 'So.', content: 'The sum' }];
    expect(check(held, whole, { reasoning: 'sum' })).toMatchObject({ field: 'reasoning' });
    expect(check(held, whole, { reasoning: ' ' })).toMatchObject({ field: 'reasoning' });
    expect(check(whole, whole, { reasoning: 'The sum' })).toMatchObject({ field: 'reasoning' });
    expect(check(held, whole, {})).toMatchObject({ problem: 'lost', field: 'content' });
  });

  test('may go on in its own field', () => {
    const [held, whole] = [{ reasoning: 'So.' }, { reasoning: 'So.', content: 'The sum' }];
    expect(check(held, whole, { reasoning: 'The', content: ' sum' })).toEqual(
      told('The sum', 'The'),
    );
  });

  test('may follow the rest of the reasoning', () => {
    const [held, whole] = [{ reasoning: 'S' }, { reasoning: 'So.', content: 'The sum' }];
    expect(check(held, whole, { reasoning: 'o.The sum' })).toEqual(told('The sum', 'The sum'));
    expect(check(held, whole, { reasoning: 'o.Another' })).toMatchObject({ field: 'reasoning' });
    expect(check(held, whole, { reasoning: 'x.The sum' })).toMatchObject({ field: 'reasoning' });
    expect(check(held, whole, { reasoning: 'o.' })).toMatchObject({
      problem: 'lost',
      field: 'content',
    });
    expect(check(held, whole, { reasoning: 'o.The', content: ' sum' })).toMatchObject({
      field: 'reasoning',
    });
  });

  test('is whitespace where the content is nothing else', () => {
    const [held, whole] = [{ reasoning: 'So.' }, { reasoning: 'So.', content: '\n\n ' }];
    expect(check(held, whole, { reasoning: '\n\n ' })).toEqual(told('\n\n ', '\n\n '));
    expect(check(held, whole, { reasoning: '\n' })).toEqual(told('\n\n ', '\n'));
    expect(check(held, whole, { reasoning: ' ' })).toMatchObject({ field: 'reasoning' });
  });
});

describe('reasoning in the field of the content', () => {
  const [held, whole] = [{ reasoning: 'S' }, { reasoning: 'So it is.', content: 'Yes' }];

  test('is told with what was expected', () => {
    expect(check(held, whole, { content: 'o it is.' })).toEqual({
      problem: 'reasoning-as-content',
      field: 'reasoning',
      expected: 'o it is.',
      actual: 'o it is.',
    });
  });

  test('is lost reasoning where the content is another text, or the reasoning came as well', () => {
    expect(check(held, whole, { content: 'Yes' })).toMatchObject({
      problem: 'lost',
      field: 'reasoning',
    });
    expect(check(held, whole, {})).toMatchObject({ problem: 'lost', field: 'reasoning' });
    expect(check(held, whole, { reasoning: 'o', content: 'o it is.' })).toMatchObject({
      problem: 'lost',
      field: 'reasoning',
    });
    expect(check(whole, whole, { content: 'x' })).toMatchObject({ field: 'content' });
  });
});

describe('a text', () => {
  test('that is not the one that was held is wrong, whatever is added', () => {
    expect(check({ content: 'ax' }, { content: 'abc' }, { content: 'c' }).problem).toBeDefined();
    expect(check({ content: 'ax' }, { content: 'ab' }, {}).problem).toBe('other');
  });

  test('is no echo of nothing, or of what must come again', () => {
    expect(problemOf('', 'abc', 'xbc')).toBe('other');
    expect(problemOf('ab', 'ab!', 'ab?')).not.toBe('echo');
    expect(problemOf('ab', 'c', 'abc')).toBe('echo');
    expect(problemOf('ab', 'c ab', 'abc ab')).toBe('echo');
  });

  test('echoes a long text where its first 200 characters come again', () => {
    const held = Array.from({ length: 60 }, (_, i) => `${i} and `).join('');
    expect(problemOf(held, 'end', `${held.slice(0, 200)}?`)).toBe('echo');
    expect(problemOf(held, 'end', `${held.slice(0, 199)}?`)).not.toBe('echo');
  });

  test('is broken by a U+FFFD that was not in it', () => {
    expect(problemOf('a', 'b€', 'b\uFFFD')).toBe('broken-character');
    expect(problemOf('a', 'b\uFFFDc', 'x\uFFFDy')).toBe('other');
  });

  test('leaks markup only at its start, and with what was expected behind it', () => {
    expect(problemOf('a', ' b', '</think> <think>\n b')).toBe('markup-leaked');
    expect(problemOf('a', 'b', '</think>c')).toBe('other');
    expect(problemOf('a', 'xyz', '?</think>xyz')).not.toBe('markup-leaked');
    expect(problemOf('a', '?xyz', '?</think>xyz')).not.toBe('markup-leaked');
    expect(problemOf('a', 'b', '</think> b')).toBe('markup-leaked');
  });

  test('is lost where none comes, or where it goes on further ahead', () => {
    expect(problemOf('', 'abc', '')).toBe('lost');
    expect(problemOf('x', 'abcdef', 'abef')).toBe('lost');
    expect(problemOf('x', 'abcdef', 'abc')).toBe('lost');
    expect(problemOf('x', 'abc', 'abcd')).not.toBe('lost');
  });

  test('is known again by 12 characters', () => {
    const rest = '0123456789abcdefghij';
    expect(problemOf('x', `__${rest}`, `${rest.slice(0, 12)}??`)).toBe('lost');
    expect(problemOf('x', `__${rest}`, `${rest.slice(0, 11)}??`)).toBe('other');
    expect(problemOf('zx', rest, `x${rest.slice(0, 12)}??`)).toBe('repeated');
    expect(problemOf('zx', rest, `x${rest.slice(0, 11)}??`)).toBe('other');
  });

  test('is repeated where the end of what is held, or the piece before, comes again', () => {
    expect(problemOf('the sum', ' is 4', 'sum is 4')).toBe('repeated');
    expect(problemOf('the sum', ' is 4', 'sum was 4')).toBe('other');
    expect(problemOf('the', ' is 4', ' is is 4')).toBe('repeated');
    expect(problemOf('the', ' is 4', ' is not')).toBe('other');
    expect(problemOf('the', 'is 4', '? is 4')).not.toBe('lost');
    expect(problemOf('the', 'is 4', '?is 4')).toBe('other');
    expect(problemOf('the', 'is 4', 'iis 4')).toBe('repeated');
    expect(problemOf('the', '0123456789ab is', '0123456789ab was')).toBe('other');
  });

  test('of which 200 characters come again is repeated, of which 201 do is not looked at', () => {
    const long = Array.from({ length: 80 }, (_, i) => `${i}-`).join('');
    const held = `begin ${long}`;
    expect(problemOf(held, 'rest of it', `${held.slice(-200)}rest of it`)).toBe('repeated');
    expect(problemOf(held, 'rest of it', `${held.slice(-201)}rest of it`)).toBe('other');
  });
});

const call = (text: string, name = ''): View['toolCalls'][number] => ({ name, arguments: text });

describe('tool calls', () => {
  const whole = { toolCalls: [call('{"a": 1}', 'f')] };

  test('one too many is told with its name', () => {
    expect(check(whole, whole, { toolCalls: [call(''), call('{}', 'g')] })).toEqual({
      problem: 'new-tool-call',
      field: 'tool-call',
      expected: '',
      actual: 'g({})',
    });
  });

  test('the name of an open one is told again', () => {
    const held = { toolCalls: [call('{', 'f')] };
    expect(check(held, whole, { toolCalls: [call('"a": 1}', 'f')] })).toEqual({
      problem: 'repeated',
      field: 'tool-call',
      expected: '',
      actual: 'f',
    });
    expect(check(held, whole, { toolCalls: [call('"a": 1}')] })).toEqual(NONE);
    expect(check({}, whole, { toolCalls: [call('{"a": 1}', 'f')] })).toEqual(NONE);
  });

  test('a nameless one has no name that comes again', () => {
    const held = { toolCalls: [call('{')] };
    expect(check(held, whole, { toolCalls: [call('"a": 1}')] })).toEqual(NONE);
  });

  test('other arguments are a wrong text; those from the beginning are a new call', () => {
    const held = { toolCalls: [call('{', 'f')] };
    expect(check(held, whole, { toolCalls: [call('"b": 1}')] })).toMatchObject({
      problem: 'other',
      field: 'tool-call',
      expected: '"a": 1}',
      actual: '"b": 1}',
    });
    expect(check(held, whole, { toolCalls: [call('{"a"')] })).toMatchObject({
      problem: 'new-tool-call',
    });
    expect(check({}, whole, { toolCalls: [call('{"a"', 'f')] })).toMatchObject({
      problem: 'lost',
    });
  });
});
