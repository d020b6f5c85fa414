/** Resumed streams that go wrong: how near two causes lie, and what tells them apart. */
import { describe, expect, test } from 'vitest';
import { unjudged } from '../campaign/judge.ts';
import type { CheckName } from '../checks/verdict.ts';
import type { JudgedSeam } from '../checks/seam.ts';
import type { ShapeEvidence } from '../checks/shape.ts';
import type { Answer } from '../dialects/dialect.ts';
import { subjectOf, THINKING } from '../seam/fixtures.test-help.ts';
import type { Delta, GeneratedToken, View } from '../seam/generation.ts';
import { strategiesNamed } from '../seam/named.ts';
import type { StreamEnd } from '../wire/end.ts';
import type { Cause } from './causes.ts';
import { nameStreamCause } from './stream.ts';

function answerOf(parts: Partial<Answer>): Answer {
  return {
    deltas: [{ after: 1, content: 'x' }],
    tokens: [],
    generated: 3,
    finish: 'stop',
    end: { kind: 'done' },
    usage: { promptTokens: undefined, cachedTokens: undefined },
    timing: { firstEventMs: undefined, totalMs: 1 },
    capture: [],
    request: { method: 'POST', url: 'http://localhost/', body: {} },
    ...parts,
  };
}

/** A failing seam of a generation with these tokens and deltas. */
function seamOf(
  check: CheckName,
  parts: Partial<JudgedSeam>,
  generated: { readonly texts?: readonly string[]; readonly deltas?: readonly Delta[] } = {},
): JudgedSeam {
  const [strategy] = strategiesNamed(['reasoning-field']);
  if (strategy === undefined) throw new Error('no strategy');
  const tokens = generated.texts?.map((text): GeneratedToken => ({
    id: 1,
    phase: 'content',
    bytes: Buffer.from(text, 'latin1'),
  }));
  const generation = {
    ...THINKING,
    ...(tokens === undefined ? {} : { tokens, length: tokens.length }),
    deltas: generated.deltas ?? THINKING.deltas,
  };
  const subject = { ...subjectOf(THINKING), generation };
  return {
    ...unjudged({ subject, strategy, k: 0, way: 'disconnect', resume: 'whole' }),
    verdict: 'diverged',
    check,
    view: NOTHING,
    ...parts,
  };
}

const NOTHING: View = { reasoning: '', content: '', toolCalls: [] };

function shapeOf(parts: Partial<ShapeEvidence>): ShapeEvidence {
  return { problem: 'lost', field: 'content', expected: '', actual: '', ...parts };
}

function nameShape(
  shape: Partial<ShapeEvidence>,
  parts: Partial<JudgedSeam> = {},
  texts?: readonly string[],
): Cause {
  const seam = { answer: answerOf({}), shape: shapeOf(shape), ...parts };
  return nameStreamCause(seamOf('shape', seam, texts === undefined ? {} : { texts })).cause;
}

describe('how a stream ended', () => {
  test.each<readonly [Cause, StreamEnd, string | undefined]>([
    ['stream-parse-error', { kind: 'error-event', message: 'Failed to parse input', body: '' }, ''],
    ['stream-parse-error', { kind: 'error-event', message: 'fail to parse', body: '' }, ''],
    ['stream-parse-error', { kind: 'error-event', message: 'JSON parse error', body: '' }, ''],
    ['stream-error', { kind: 'error-event', message: 'parser: out of memory', body: '' }, ''],
    ['unexplained', { kind: 'closed' }, 'stop'],
    ['unexplained', { kind: 'done' }, undefined],
    ['unexplained', { kind: 'aborted' }, undefined],
  ])('%s of %o', (cause, end, finish) => {
    const seam = seamOf('transport', { answer: answerOf({ end, finish }) });
    expect(nameStreamCause(seam)).toEqual({ cause, detail: '' });
  });

  test('is nothing to go by where there is no answer, or another check failed', () => {
    expect(nameStreamCause(seamOf('transport', {})).cause).toBe('continuation-differs');
    const answer = answerOf({ end: { kind: 'reset', detail: '' } });
    expect(nameStreamCause(seamOf('continuation', { answer })).cause).toBe('continuation-differs');
  });
});

const call = (text: string): View['toolCalls'][number] => ({
  id: 'a',
  name: 'f',
  arguments: text,
});

const more = (text: string): Delta => ({ after: 1, toolCalls: [{ index: 0, arguments: text }] });

describe('a stream that stops early', () => {
  const deltas: readonly Delta[] = [
    { after: 1, reasoning: 'So.' },
    { after: 2, content: 'The sum' },
    { after: 3, toolCalls: [{ index: 0, id: 'a', name: 'f', arguments: '{"a": 1}' }] },
  ];
  const nameOf = (
    added: readonly Delta[],
    view: View = NOTHING,
    flip: { readonly expected?: number; readonly actual?: number } = { expected: 7 },
  ): Cause => {
    const continuation = {
      compared: 1,
      remaining: 9,
      flip: { at: 1, expected: flip.expected, actual: flip.actual, gap: undefined },
    };
    const answer = answerOf({ deltas: added });
    return nameStreamCause(seamOf('continuation', { continuation, answer, view }, { deltas }))
      .cause;
  };

  test.each<readonly [string, readonly Delta[], View | undefined]>([
    ['in its reasoning', [{ after: 1, reasoning: 'So' }], undefined],
    [
      'in its content',
      [{ after: 1, content: ' s' }],
      { ...NOTHING, reasoning: 'So.', content: 'The' },
    ],
    ['in a call', [more('"a"')], { ...NOTHING, toolCalls: [call('{')] }],
    ['in a call that it began', [more('{"a"')], undefined],
  ])('%s is right as far as it goes', (_, added, view) => {
    expect(nameOf(added, view)).toBe('stopped-early');
  });

  test.each<readonly [string, readonly Delta[], View | undefined]>([
    ['other reasoning', [{ after: 1, reasoning: 'o.' }], undefined],
    ['other content', [{ after: 1, content: 'sum' }], undefined],
    ['other arguments', [more('1}')], { ...NOTHING, toolCalls: [call('{')] }],
    ['the same arguments again', [more('{"a"')], { ...NOTHING, toolCalls: [call('{')] }],
  ])('%s is another text', (_, added, view) => {
    expect(nameOf(added, view)).toBe('continuation-differs');
  });

  test('without an answer has sent nothing that could be right', () => {
    const flip = { at: 1, expected: 7, actual: undefined, gap: undefined };
    const continuation = { compared: 1, remaining: 9, flip };
    expect(nameStreamCause(seamOf('continuation', { continuation }, { deltas })).cause).toBe(
      'continuation-differs',
    );
  });

  test('more tokens, or another one, are no early end', () => {
    expect(nameOf([], NOTHING, {})).toBe('continuation-differs');
    expect(nameOf([], NOTHING, { expected: 7, actual: 8 })).toBe('continuation-differs');
  });
});

describe('a call', () => {
  const held: View = { ...NOTHING, toolCalls: [{ id: 'a', name: 'f', arguments: '{' }] };
  const again = { problem: 'repeated', field: 'tool-call', expected: '', actual: 'f' } as const;

  test('whose name comes again is begun again', () => {
    expect(nameShape(again, { view: held })).toBe('tool-call-restarted');
    const two = { ...held, toolCalls: [{ id: 'b', name: 'g', arguments: '' }, ...held.toolCalls] };
    expect(nameShape(again, { view: two })).toBe('tool-call-restarted');
  });

  test('whose other text comes again is not', () => {
    expect(nameShape({ ...again, actual: 'g' }, { view: held })).toBe('text-repeated');
    expect(nameShape({ ...again, field: 'content' }, { view: held })).toBe('text-repeated');
    expect(nameShape({ ...again, problem: 'other', expected: 'x' }, { view: held })).toBe(
      'unexplained',
    );
    const unnamed = { ...held, toolCalls: [{ id: 'a', name: '', arguments: '{' }] };
    expect(nameShape({ ...again, actual: '' }, { view: unnamed })).toBe('text-repeated');
  });

  test('of which some text comes has lost text, not its rest', () => {
    const shape = { field: 'tool-call', expected: '{"a": 1}', actual: '": 1}' } as const;
    expect(nameShape(shape)).toBe('text-lost');
    expect(nameShape({ ...shape, actual: '' })).toBe('tool-call-lost');
  });
});

describe('text that is missing', () => {
  test('all of it: with tokens but without deltas it was never sent', () => {
    const shape = { expected: 'four', actual: '' };
    const nameOf = (parts: Partial<Answer>): Cause => nameShape(shape, { answer: answerOf(parts) });
    expect(nameOf({ deltas: [], generated: 1 })).toBe('deltas-missing');
    expect(nameOf({ deltas: [], generated: 0 })).toBe('text-lost');
    expect(nameOf({ generated: 1 })).toBe('text-lost');
    expect(nameShape(shape, { answer: undefined })).toBe('text-lost');
  });

  test('whitespace at the start is swallowed, within the text it is lost', () => {
    expect(nameShape({ expected: '\n four', actual: 'four' })).toBe('leading-whitespace-swallowed');
    expect(nameShape({ expected: 'is four', actual: 'isfour' })).toBe('text-lost');
    expect(nameShape({ expected: ' is four', actual: 'four' })).toBe('text-lost');
  });

  test('a character is dropped only where its bytes lie in several tokens', () => {
    const shape = { expected: 'a € b', actual: 'a  b' };
    expect(nameShape(shape, {}, ['a ', '\xe2', '\x82', '\xac', ' b'])).toBe('character-dropped');
    expect(nameShape(shape, {}, ['a \xe2\x82', '\xac b'])).toBe('character-dropped');
    expect(nameShape(shape, {}, ['a ', '\xe2\x82\xac', ' b'])).toBe('text-lost');
    expect(nameShape(shape, {}, ['a \xe2\x82\xac b'])).toBe('text-lost');
    expect(nameShape(shape, {}, ['a b'])).toBe('text-lost');
    // Any place where it does is enough.
    expect(nameShape(shape, {}, ['\xe2\x82\xac', ' b', '\xe2', '\x82\xac'])).toBe(
      'character-dropped',
    );
    expect(nameShape(shape, {}, ['\xe2', '\x82\xac', 'a'])).toBe('character-dropped');
  });

  test('all bytes of a character may stand in the token that completes it', () => {
    const shape = { expected: 'a € b', actual: 'a  b' };
    expect(nameShape(shape, {}, ['a ', '', '', '\xe2\x82\xac', ' b'])).toBe('character-dropped');
    expect(nameShape(shape, {}, ['a ', '\xe2\x82\xac', '', ' b'])).toBe('text-lost');
  });

  test('a short one, too', () => {
    const shape = { expected: 'a é b', actual: 'a  b' };
    expect(nameShape(shape, {}, ['a ', '', '\xc3\xa9', ' b'])).toBe('character-dropped');
    expect(nameShape(shape, {}, ['a ', '\xc3\xa9', ' b'])).toBe('text-lost');
  });

  test('the end is lost, and is not what was said twice', () => {
    expect(nameShape({ expected: 'abc', actual: 'ab' })).toBe('text-lost');
    expect(nameShape({ expected: 'one two', actual: 'one' })).toBe('text-lost');
  });

  test('two characters are no character', () => {
    const shape = { expected: 'a €€ b', actual: 'a  b' };
    const halves = ['\xe2', '\x82\xac'];
    expect(nameShape(shape, {}, ['a ', ...halves, ...halves, ' b'])).toBe('text-lost');
  });

  test('a character of two UTF-16 units is one, also where the next one begins alike', () => {
    const texts = ['\xf0\x9f\x99\x82\xf0\x9f', '\x98\x80!'];
    expect(nameShape({ expected: '🙂😀!', actual: '🙂!' }, {}, texts)).toBe('character-dropped');
    const begun = ['\xf0\x9f', '\x99\x82\xf0\x9f\x99\x83!'];
    expect(nameShape({ expected: '🙂🙃!', actual: '🙃!' }, {}, begun)).toBe('character-dropped');
  });

  test('with more wrong than one gap it is lost text', () => {
    expect(nameShape({ expected: ' four, five', actual: 'four five' })).toBe('text-lost');
    expect(nameShape({ expected: ' four', actual: '' })).toBe('text-lost');
  });
});

const nameOther = (expected: string, actual: string): Cause =>
  nameShape({ problem: 'other', expected, actual });

describe('text that comes twice', () => {
  test.each([
    ['a single character', 'abc', 'aabc'],
    ['the first piece', 'one two', 'one one two'],
    ['a piece within', 'a b c d', 'a b b c d'],
    ['the last piece', 'a b', 'a b b'],
    ['the whole', 'ab', 'abab'],
    ['a piece whose next words begin alike', 'x aab', 'x aaab'],
  ])('%s', (_, expected, actual) => {
    expect(nameOther(expected, actual)).toBe('text-repeated');
    expect(nameShape({ expected, actual })).toBe('text-repeated');
  });

  test('and then goes on otherwise is another text', () => {
    expect(nameOther('one two', 'one one three')).toBe('unexplained');
    expect(nameOther('one two', 'two one two')).toBe('unexplained');
    expect(nameOther('', 'x')).toBe('unexplained');
  });

  test('a problem that has a name of its own keeps it', () => {
    const shape = { expected: 'one two', actual: 'one one two' };
    expect(nameShape({ ...shape, problem: 'echo' })).toBe('prefill-echoed');
  });
});

const events = (...lines: string[]): Answer['capture'] =>
  lines.map((line) => ({ atMs: 0, bytes: Buffer.from(`${line}\n`) }));

const at = (...places: number[]): Answer['tokens'] =>
  places.map((place) => ({ id: 1, bytes: new Uint8Array(), place }));

describe('events', () => {
  const shape = shapeOf({ problem: 'finish' });
  const nameOf = (parts: Partial<Answer>): Cause =>
    nameStreamCause(seamOf('shape', { shape, answer: answerOf(parts) })).cause;

  test('two in a row that come again were sent twice', () => {
    expect(nameOf({ capture: events('data: a', 'data: b', 'data: a', 'data: b') })).toBe(
      'events-duplicated',
    );
    expect(nameOf({ capture: events('data: a', 'data: b', 'data: c', 'data: a', 'data: b') })).toBe(
      'events-duplicated',
    );
  });

  test.each([
    ['one alone', events('data: a', 'data: b', 'data: a')],
    ['the same event three times in a row', events('data: a', 'data: a', 'data: a')],
    ['the same event four times', events('data: a', 'data: a', 'data: a', 'data: a')],
    ['lines that are no events', events(':', ': x', 'data: a', ':', ': x', 'data: b')],
    ['an order that is turned', events('data: a', 'data: b', 'data: b', 'data: a')],
  ])('%s was not', (_, capture) => {
    expect(nameOf({ capture })).toBe('finish-dishonest');
  });

  test('a token at a place that was told already was', () => {
    expect(nameOf({ tokens: at(1, 2, 1) })).toBe('events-duplicated');
    expect(nameOf({ tokens: at(1, 1) })).toBe('events-duplicated');
    expect(nameOf({ tokens: at(1, 2, 5) })).toBe('finish-dishonest');
  });
});
