/** The causes of the whole catalogue: each rule on the evidence that must lead to it. */
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readFileSync } from 'node:fs';
import { unjudged } from '../campaign/judge.ts';
import type { CheckName } from '../checks/verdict.ts';
import type { JudgedSeam } from '../checks/seam.ts';
import type { ShapeEvidence } from '../checks/shape.ts';
import type { Answer, Prefill, SentRequest } from '../dialects/dialect.ts';
import { FAULTS } from '../reference/fault-catalogue.ts';
import {
  encode,
  generations,
  HEADER,
  PLAIN,
  subjectOf,
  THINKING,
} from '../seam/fixtures.test-help.ts';
import type { View } from '../seam/generation.ts';
import { strategiesNamed } from '../seam/named.ts';
import type { StreamEnd } from '../wire/end.ts';
import { CAUSE_NAMES, CAUSES, type Cause } from './causes.ts';
import { nameClientCause, sentMessage } from './client.ts';
import { diagnose } from './diagnose.ts';
import { differenceOf } from './difference.ts';
import { namePromptCause } from './prompt.ts';
import { nameStreamCause } from './stream.ts';
import { nameIdsCause } from './tokens.ts';

const README = readFileSync(new URL('README.md', import.meta.url), 'utf8');

describe('the catalogue', () => {
  test.each(CAUSE_NAMES)('%s stands in the docs', (cause) => {
    expect(README).toContain(`\`${cause}\``);
  });

  test.each(Object.entries(FAULTS))('%s has causes that are known', (name, fault) => {
    expect(fault.causes.filter((cause) => CAUSES[cause] === undefined)).toEqual([]);
    expect(fault.shows === undefined || fault.causes.length === 0).toBe(true);
    expect(README).toContain(`\`${name}\``);
  });

  test('each cause that can be planted is', () => {
    const planted = new Set(Object.values(FAULTS).flatMap(({ causes }) => causes));
    expect(CAUSE_NAMES.filter((cause) => !planted.has(cause))).toEqual([
      'client-drops-reasoning',
      'whitespace-refused',
      'route-missing',
      'replay-missing',
      'resume-refused',
      'whole-differs',
      'replay-differs',
      'json-broken',
      'answered-anew',
      'prompt-count-differs',
      'text-differs',
      'unexplained',
    ]);
  });
});

const LLAMA = 'http://localhost/apply-template';

function request(message: object | undefined, url = LLAMA): SentRequest {
  const user = { role: 'user', content: 'Hi' };
  return {
    method: 'POST',
    url,
    body: { messages: message === undefined ? [user] : [user, { role: 'assistant', ...message }] },
  };
}

describe('what the client sent', () => {
  const MEANT: Prefill = { content: 'The sum ', reasoning: 'Two 中' };
  const cases: readonly (readonly [Cause | undefined, Prefill, object | undefined])[] = [
    [undefined, MEANT, { content: 'The sum ', reasoning_content: 'Two 中' }],
    [undefined, { content: '' }, { content: '' }],
    [undefined, { content: '' }, undefined],
    ['client-drops-message', MEANT, undefined],
    ['client-sends-empty', MEANT, { content: '' }],
    ['client-trims-whitespace', MEANT, { content: 'The sum', reasoning_content: 'Two 中' }],
    ['client-breaks-character', MEANT, { content: 'The sum ', reasoning_content: 'Two \uFFFD' }],
    ['reasoning-misnamed', MEANT, { content: 'The sum ', reasoning: 'Two 中' }],
    ['reasoning-misnamed', MEANT, { content: 'The sum ', thinking: 'Two 中' }],
    ['content-missing', { content: '', reasoning: 'Two' }, { reasoning_content: 'Two' }],
    [undefined, MEANT, { content: [{ type: 'text', text: 'The sum ' }] }],
    [undefined, MEANT, { content: 'The product', reasoning_content: 'Two 中' }],
  ];

  test.each(cases)('%s', (cause, meant, message) => {
    const sent = sentMessage([request(message)]);
    expect(sent && nameClientCause(meant, sent)?.cause).toBe(cause);
  });

  test('a name that another server reads is right there', () => {
    const sent = sentMessage([
      request({ content: 'The sum ', reasoning: 'Two 中' }, 'http://localhost/tokenize'),
    ]);
    expect(sent && nameClientCause(MEANT, sent)).toBeUndefined();
  });

  test('requests without messages tell nothing', () => {
    expect(sentMessage([{ method: 'POST', url: LLAMA, body: { content: 'x' } }])).toBeUndefined();
    expect(sentMessage([])).toBeUndefined();
  });

  test('a client that is at fault is named before the prompt that comes of it', () => {
    const [strategy] = strategiesNamed(['reasoning-field']);
    const k = THINKING.length;
    const subject = subjectOf(THINKING);
    const seam: JudgedSeam = {
      ...unjudged({ subject, strategy: strategy!, k, way: 'disconnect', resume: 'none' }),
      verdict: 'drift',
      check: 'prompt',
      prompt: {
        agrees: false,
        kept: k,
        expected: [1, 2],
        actual: [1],
        at: 1,
        text: HEADER,
      },
      requests: [request(undefined)],
    };
    expect(diagnose(seam).cause).toBe('client-drops-message');
    expect(diagnose({ ...seam, requests: [] }).cause).toBe('prefill-dropped');
  });
});

const THINK = { opening: '<think>\n', written: '<think>\n', closing: '</think>\n\n' };
const NOTHING: View = { reasoning: '', content: '', toolCalls: [] };

describe('prompts', () => {
  const held: View = { reasoning: 'So.\n', content: 'The sum', toolCalls: [] };
  const written = '<think>\nSo.\n</think>\n\nThe sum';
  const literal: View = { ...NOTHING, content: 'a </think> b' };
  const cases: readonly (readonly [Cause, View, string, string])[] = [
    [
      'prefill-as-user',
      held,
      written,
      `<|im_start|>user\n${written}<|im_end|>\n<|im_start|>assistant\n`,
    ],
    ['prefill-as-user', NOTHING, '', '<|im_start|>user\n<|im_end|>\n<|im_start|>assistant\n'],
    [
      'leading-whitespace-trimmed',
      { ...held, reasoning: ' \n', content: ' x' },
      '<think>\n \n</think>\n\n x',
      '<|im_start|>assistant\n<think>\n \n</think>\n\nx',
    ],
    ['wrong-channel', held, written, '<|im_start|>assistant\nSo.\n</think>\n\nThe sum'],
    ['wrong-channel', held, written, '<|im_start|>assistant\n<think>\nSo.\nThe sum'],
    [
      'channel-header-added',
      held,
      written,
      '<|im_start|>assistant\n<think>\nSo.\n</think>\n\n<|channel|>final<|message|>The sum',
    ],
    [
      'mid-character',
      held,
      written,
      '<|im_start|>assistant\n<think>\nSo.\n</think>\n\nThe su\uFFFD',
    ],
    [
      'tag-literal-parsed',
      literal,
      'a </think> b',
      '<|im_start|>assistant\n<think>\na\n</think>\n\nb',
    ],
    [
      'leading-whitespace-trimmed',
      { ...held, reasoning: ' So.\n', content: ' The' },
      '<think>\n So.\n</think>\n\n The',
      '<|im_start|>assistant\n<think>\nSo.\n</think>\n\nThe',
    ],
  ];
  const CONVERSATION = '<|im_start|>user\nHi<|im_end|>\n';
  const header = `${CONVERSATION}<|im_start|>assistant\n`;

  test.each(cases)('%s', (cause, view, expected, actual) => {
    const difference = differenceOf(header + expected, CONVERSATION + actual);
    const facts = { difference, header, markup: THINK, view, lossy: false };
    expect(namePromptCause(facts).cause).toBe(cause);
  });

  test.each([
    ['user-continued', 'The sum', '<|im_start|>user\nHi'],
    ['matched-earlier', 'Hi', '<|im_start|>user\nHi'],
    ['header-missing', '', CONVERSATION],
  ] as const)('%s', (cause, content, actual) => {
    const view = { ...NOTHING, content };
    const difference = differenceOf(header + content, actual);
    const facts = { difference, header, markup: THINK, view, lossy: false };
    expect(namePromptCause(facts).cause).toBe(cause);
  });

  test('a doubled BOS is seen beside another fault', () => {
    const difference = differenceOf(header + written, `<|endoftext|><|endoftext|>${header}`);
    const facts = { difference, header, markup: THINK, view: held, lossy: false };
    expect(namePromptCause(facts).cause).toBe('bos-doubled');
  });
});

describe('the same text in other ids', () => {
  const kept = THINKING.length;
  const expected = [...THINKING.promptIds, ...THINKING.tokens.slice(0, kept).map(({ id }) => id)];
  const base = THINKING.promptIds.length;
  const nameOf = (actual: readonly number[]): Cause =>
    nameIdsCause({ generation: THINKING, expected, actual, kept }).cause;

  test('one id more, less or other at the start of the prefill is a dummy prefix', () => {
    expect(nameOf(expected.toSpliced(base, 0, 32))).toBe('dummy-prefix');
    expect(nameOf(expected.toSpliced(base, 1))).toBe('dummy-prefix');
    const plain = [...PLAIN.promptIds, ...PLAIN.tokens.map(({ id }) => id)];
    const ids = { generation: PLAIN, expected: plain, kept: PLAIN.tokens.length };
    const actual = plain.with(PLAIN.promptIds.length, 9999);
    expect(nameIdsCause({ ...ids, actual }).cause).toBe('dummy-prefix');
  });

  test('a difference in the header is a merge with it', () => {
    expect(nameOf(expected.toSpliced(base - 1, 2, 9999))).toBe('header-merged');
  });

  test('only the first difference counts, whatever follows', () => {
    const newlines = expected.findIndex((id) => id === encode('\n\n')[0]);
    const split = expected.toSpliced(newlines, 1, 10, 10);
    expect(nameOf(split)).toBe('newline-run');
    expect(nameOf(split.toSpliced(-2, 2, 9998))).toBe('newline-run');
  });

  test('property: any difference is named, and by the tokenizer’s causes', () => {
    fc.assert(
      fc.property(generations, fc.nat(), fc.nat({ max: 3 }), (generation, place, size) => {
        const ids = [...generation.promptIds, ...generation.tokens.map(({ id }) => id)];
        const at = place % ids.length;
        const actual = ids.toSpliced(at, size, 9999);
        const { cause } = nameIdsCause({
          generation,
          expected: ids,
          actual,
          kept: generation.tokens.length,
        });
        expect(CAUSES[cause].culprit).toBe('tokenizer');
      }),
    );
  });
});

function answer(parts: Partial<Answer>): Answer {
  return {
    deltas: [{ after: 1, content: 'x' }],
    tokens: [],
    generated: 3,
    finish: 'stop',
    end: { kind: 'done' },
    usage: { promptTokens: undefined, cachedTokens: undefined },
    timing: { firstEventMs: undefined, totalMs: 1 },
    capture: [],
    request: request(undefined),
    ...parts,
  };
}

function captureOf(...events: string[]): Answer['capture'] {
  return [{ atMs: 0, bytes: Buffer.from(events.map((event) => `data: ${event}\n\n`).join('')) }];
}

function seamOf(check: CheckName, parts: Partial<JudgedSeam>): JudgedSeam {
  const [strategy] = strategiesNamed(['reasoning-field']);
  const subject = subjectOf(THINKING);
  return {
    ...unjudged({ subject, strategy: strategy!, k: 4, way: 'disconnect', resume: 'whole' }),
    verdict: 'diverged',
    check,
    ...parts,
  };
}

describe('streams', () => {
  const ends: readonly (readonly [Cause, StreamEnd, string | undefined])[] = [
    ['stream-truncated', { kind: 'truncated', detail: '' }, undefined],
    ['stream-reset', { kind: 'reset', detail: '' }, undefined],
    ['stream-stalled', { kind: 'stalled', afterMs: 9 }, undefined],
    ['stream-garbled', { kind: 'garbled', detail: '' }, undefined],
    ['stream-error', { kind: 'error-event', message: 'out of memory', body: '' }, undefined],
    [
      'stream-parse-error',
      { kind: 'error-event', message: 'Invalid diff: …', body: '' },
      undefined,
    ],
    ['stream-cut-short', { kind: 'closed' }, undefined],
  ];

  test.each(ends)('%s', (cause, end, finish) => {
    const seam = seamOf('transport', { answer: answer({ end, finish }) });
    expect(nameStreamCause(seam).cause).toBe(cause);
  });

  test('a made-up finish is seen by the tokens that are missing', () => {
    const flip = { at: 2, expected: 7, actual: undefined, gap: undefined };
    const continuation = { compared: 2, remaining: 9, flip };
    const nameOf = (parts: Partial<Answer>): Cause =>
      nameStreamCause(seamOf('continuation', { continuation, answer: answer(parts) })).cause;
    expect(nameOf({ deltas: [] })).toBe('stopped-early');
    expect(nameOf({ deltas: [{ after: 1, content: 'Another' }] })).toBe('continuation-differs');
  });

  test('two tokens at one place were sent twice', () => {
    const token = { id: 1, bytes: new Uint8Array() };
    const tokens = [1, 2, 2].map((place) => ({ ...token, place }));
    const flip = { at: 2, expected: 7, actual: 1, gap: undefined };
    const continuation = { compared: 3, remaining: 9, flip };
    const seam = seamOf('continuation', { continuation, answer: answer({ tokens }) });
    expect(nameStreamCause(seam).cause).toBe('events-duplicated');
  });

  test('events that come again byte for byte were sent twice, one alone was not', () => {
    const shape: ShapeEvidence = {
      problem: 'repeated',
      field: 'content',
      expected: 'ab',
      actual: 'abab',
    };
    const nameOf = (capture: Answer['capture']): Cause =>
      nameStreamCause(seamOf('shape', { shape, answer: answer({ capture }) })).cause;
    expect(nameOf(captureOf('r', 'a', 'b', 'a', 'b', 'c'))).toBe('events-duplicated');
    expect(nameOf(captureOf('r', 'a', 'b', 'a', 'c'))).toBe('text-repeated');
  });

  const shapes: readonly (readonly [Cause, Partial<ShapeEvidence>, Partial<Answer>])[] = [
    ['leading-whitespace-swallowed', { expected: ' four', actual: 'four' }, {}],
    ['text-lost', { expected: 'and two', actual: 'two' }, {}],
    ['character-dropped', { expected: ' €.', actual: ' .' }, {}],
    ['deltas-missing', { expected: 'four', actual: '' }, { deltas: [] }],
    ['tool-call-lost', { field: 'tool-call', expected: '"}', actual: '' }, {}],
    ['text-repeated', { problem: 'other', expected: 'a 7, b', actual: 'a a 7, ' }, {}],
    ['unexplained', { problem: 'other', expected: 'a 7, b', actual: 'z' }, {}],
  ];

  test.each(shapes)('%s: %o', (cause, shape, parts) => {
    const evidence: ShapeEvidence = {
      problem: 'lost',
      field: 'content',
      expected: '',
      actual: '',
      ...shape,
    };
    expect(nameStreamCause(seamOf('shape', { shape: evidence, answer: answer(parts) })).cause).toBe(
      cause,
    );
  });
});
