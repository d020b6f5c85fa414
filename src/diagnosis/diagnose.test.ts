import { describe, expect, test } from 'vitest';
import { unjudged } from '../campaign/judge.ts';
import { checkPrompt } from '../checks/prompt.ts';
import type { JudgedSeam } from '../checks/seam.ts';
import { SHAPE_PROBLEMS, type ShapeProblem } from '../checks/shape.ts';
import { encode, HEADER, subjectOf, THINKING } from '../seam/fixtures.test-help.ts';
import { strategiesNamed } from '../seam/named.ts';
import { diagnose, promptDifference } from './diagnose.ts';

const SUBJECT = subjectOf(THINKING);
const AFTER_IT = THINKING.deltas.find((delta) => delta.content === 'It')!.after;
const RIGHT = `${HEADER}<think>\nTwo and two is four.\n</think>\n\nIt`;

function seamOf(seam: Partial<JudgedSeam>, strategy = 'reasoning-field', k = AFTER_IT): JudgedSeam {
  const [named] = strategiesNamed([strategy]);
  const plan = {
    subject: SUBJECT,
    strategy: named!,
    k,
    way: 'disconnect',
    resume: 'none',
  } as const;
  return { ...unjudged(plan), verdict: 'diverged', check: 'prompt', ...seam };
}

function seamWith(text: string | undefined, ids: readonly number[], strategy?: string): JudgedSeam {
  const cut = { first: AFTER_IT, last: AFTER_IT };
  return seamOf({ prompt: { ...checkPrompt(THINKING, cut, ids), text } }, strategy);
}

const CAUSE_OF: Readonly<Record<ShapeProblem, string>> = {
  echo: 'prefill-echoed',
  'content-as-reasoning': 'content-as-reasoning',
  'reasoning-as-content': 'reasoning-as-content',
  lost: 'text-lost',
  repeated: 'text-repeated',
  'broken-character': 'character-broken',
  'markup-leaked': 'markup-leaked',
  'new-tool-call': 'tool-call-restarted',
  'json-restarted': 'json-restarted',
  'json-broken': 'json-broken',
  finish: 'finish-dishonest',
  other: 'unexplained',
};

test.each(SHAPE_PROBLEMS)('a wrong shape is the cause by itself: %s', (problem) => {
  const shape = { problem, field: 'content', expected: 'a', actual: 'b' } as const;
  expect(diagnose(seamOf({ check: 'shape', shape })).cause).toBe(CAUSE_OF[problem]);
});

test('a refusal is named by its words', () => {
  const message = 'Cannot continue an assistant message that contains tool calls.';
  expect(diagnose(seamOf({ verdict: 'rejected', refusal: { status: 400, message } }))).toEqual({
    cause: 'tool-call-refused',
    detail: '',
  });
});

test('where prompt and shape are right, the tokens differ', () => {
  expect(diagnose(seamOf({ check: 'continuation' })).cause).toBe('continuation-differs');
});

describe('a wrong prompt', () => {
  test('is explained by the difference of its text', () => {
    const text = RIGHT.replace('</think>', '\n</think>');
    expect(diagnose(seamWith(text, encode(text)))).toMatchObject({
      cause: 'separator-rebuilt',
      detail: '→\n',
    });
  });

  test('is the client’s doing where the strategy loses what was held', () => {
    const text = `${HEADER}It`;
    expect(diagnose(seamWith(text, encode(text), 'content-only')).cause).toBe(
      'client-drops-reasoning',
    );
  });

  test('of the right text is explained by its tokens', () => {
    const spelled = [...encode(RIGHT).slice(0, -1), 73, 116];
    expect(diagnose(seamWith(RIGHT, spelled)).cause).toBe('retokenized');
    const at = encode(RIGHT).length - 2;
    const newlines = encode(RIGHT).toSpliced(at, 1, 10, 10);
    expect(diagnose(seamWith(RIGHT, newlines)).cause).toBe('newline-run');
  });

  test.each([
    ['once more than before', [THINKING.promptIds[0]!]],
    ['at all', [1]],
  ])('that starts with a token %s has its BOS doubled', (_, bos) => {
    expect(diagnose(seamWith(RIGHT, [...bos, ...encode(RIGHT)]))).toEqual({
      cause: 'bos-doubled',
      detail: '',
    });
  });

  test('whose text is unknown is not explained', () => {
    expect(diagnose(seamWith(undefined, [1, 2, 3]))).toEqual({ cause: 'unexplained', detail: '' });
  });

  test('that starts with two more tokens has its BOS doubled, with three or behind other ids not', () => {
    const nameOf = (ids: readonly number[]): string => diagnose(seamWith(RIGHT, ids)).cause;
    expect(nameOf([1, 2, ...encode(RIGHT)])).toBe('bos-doubled');
    expect(nameOf([1, 2, 3, ...encode(RIGHT)])).not.toBe('bos-doubled');
    expect(nameOf([1, ...encode(RIGHT).with(3, 9999)])).not.toBe('bos-doubled');
  });

  test('of a header that is not told is not explained', () => {
    const generation = { ...THINKING, promptText: undefined };
    const seam = seamWith(`${RIGHT} `, encode(`${RIGHT} `));
    const plan = { ...seam.plan, subject: { ...SUBJECT, generation } };
    expect(diagnose({ ...seam, plan }).cause).toBe('unexplained');
  });

  test('has no difference where one of its texts is not told', () => {
    const seam = seamWith(`${RIGHT} `, encode(`${RIGHT} `));
    expect(promptDifference(seam)).toMatchObject({ removed: '', inserted: ' ' });
    const generation = { ...THINKING, promptText: undefined };
    const plan = { ...seam.plan, subject: { ...SUBJECT, generation } };
    expect(promptDifference({ ...seam, plan })).toBeUndefined();
    expect(promptDifference(seamWith(undefined, encode(RIGHT)))).toBeUndefined();
    expect(promptDifference({ ...seam, prompt: undefined })).toBeUndefined();
  });

  test('that goes another way behind a tag that the server does not print is explained', () => {
    const tokens = ['', '\n', 'Two'].map((text, i) => ({
      id: 400 + i,
      bytes: new TextEncoder().encode(text),
      phase: 'reasoning' as const,
    }));
    const deltas = [{ after: 3, reasoning: '\nTwo' }];
    const generation = { ...THINKING, tokens, deltas, length: 3 };
    const subject = { ...subjectOf(generation), markup: { opening: '', written: '', closing: '' } };
    const ids = [...THINKING.promptIds, 400, 402];
    const prompt = {
      ...checkPrompt(generation, { first: 3, last: 3 }, ids),
      text: `${HEADER}[THINK]Two`,
    };
    const seam = seamOf({ prompt, view: { reasoning: '\nTwo', content: '', toolCalls: [] } });
    expect(promptDifference({ ...seam, plan: { ...seam.plan, subject } })).toMatchObject({
      expected: `${HEADER}[THINK]\nTwo`,
      removed: '\n',
      inserted: '',
    });
    expect(diagnose({ ...seam, plan: { ...seam.plan, subject } }).cause).toBe(
      'leading-whitespace-trimmed',
    );
  });

  test('and is not looked at where it is right, whatever its text', () => {
    const seam = seamWith(RIGHT, encode(RIGHT));
    expect(seam.prompt?.agrees).toBe(true);
    expect(diagnose({ ...seam, check: 'continuation' }).cause).toBe('continuation-differs');
  });
});

describe('what the client sent', () => {
  const user = { role: 'user', content: 'Hi' };
  const requests = [
    { method: 'POST', url: 'http://localhost/', body: { messages: [user] } },
  ] as const;
  const refusal = { status: 400, message: 'roles must alternate' };

  test('counts for a refusal as for a wrong prompt', () => {
    expect(diagnose(seamOf({ verdict: 'rejected', refusal, requests })).cause).toBe(
      'client-drops-message',
    );
  });

  test('is not looked at where the prompt is right', () => {
    expect(diagnose(seamOf({ check: 'continuation', requests })).cause).toBe(
      'continuation-differs',
    );
  });

  test('says nothing where the strategy sends no message', () => {
    const seam = seamOf({ verdict: 'rejected', refusal, requests }, 'raw-text');
    expect(diagnose(seam).cause).toBe('roles-refused');
  });
});

test('a server that tells numbers of tokens only is judged by them', () => {
  const generation = { ...THINKING, counts: { prompt: 10, generated: 40 } };
  const promptCount = { agrees: false, base: 10, least: 14, most: 14, actual: 30 };
  const seam = seamOf({ promptCount });
  const plan = { ...seam.plan, subject: { ...SUBJECT, generation } };
  expect(diagnose({ ...seam, plan }).cause).toBe('prompt-count-differs');
});
