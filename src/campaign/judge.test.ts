import { describe, expect, test } from 'vitest';
import type { Answer } from '../dialects/dialect.ts';
import type { JudgedSeam, SeamPlan } from '../checks/seam.ts';
import {
  CALLING,
  CUT_SHORT,
  DERAILED,
  EOS,
  FakeTarget,
  FORCED,
  PLAIN,
  subjectOf,
  THINKING,
} from '../seam/fixtures.test-help.ts';
import type { Generation, TokenEvent } from '../seam/generation.ts';
import { strategiesNamed } from '../seam/named.ts';
import { syntheticSubject } from '../seam/synthetic.ts';
import { Refusal } from '../wire/refusal.ts';
import { Controls } from './controls.ts';
import { Judge } from './judge.ts';

const COMPARE = 4;
const signal = new AbortController().signal;

function judgeOf(target: FakeTarget): Judge {
  return new Judge(target, new Controls(target, COMPARE, signal), { compare: COMPARE, signal });
}

type Ask = Partial<Pick<SeamPlan, 'resume' | 'view' | 'endBy'>> & { readonly strategy?: string };

function planOf(
  generation: Generation,
  k: number,
  { strategy = 'reasoning-field', ...ask }: Ask = {},
): SeamPlan {
  const [named] = strategiesNamed([strategy]);
  return {
    subject: subjectOf(generation),
    strategy: named!,
    k,
    way: 'disconnect',
    resume: 'none',
    ...ask,
  };
}

async function judge(
  target: FakeTarget,
  generation: Generation,
  k: number,
  ask: Ask = {},
): Promise<JudgedSeam> {
  return await judgeOf(target).judge(planOf(generation, k, ask));
}

/** The cut after the first word of the answer. */
const AFTER_IT = THINKING.deltas.find((delta) => delta.content === 'It')!.after;
/** The cut after the first word of the thinking. */
const AFTER_TWO = THINKING.deltas[0]!.after;

/** A template that writes one line break too many before the closing tag. */
const tooManyBreaks = (text: string): string => text.replace('</think>', '\n</think>');
/** A server that refuses. */
function refuse(status: number): never {
  const request = { method: 'POST', url: 'http://fake', body: {} } as const;
  throw new Refusal({ status, body: '{"error":{"message":"no, thanks"}}', request });
}

describe('exact', () => {
  test.each([
    ['thinking', THINKING],
    ['forced thinking', FORCED],
    ['plain', PLAIN],
    ['tool call', CALLING],
    ['out of tokens', CUT_SHORT],
  ])('every cut of a faithful server, resumed to the end: %s', async (_, generation) => {
    for (let k = 0; k <= generation.length; k++) {
      const seam = await judge(new FakeTarget(generation), generation, k, { resume: 'whole' });
      expect([k, seam.verdict, seam.check, seam.shape?.problem]).toEqual([
        k,
        'exact',
        undefined,
        undefined,
      ]);
    }
  });

  test('without a resume only the prompt is checked', async () => {
    const target = new FakeTarget(THINKING);
    const seam = await judge(target, THINKING, AFTER_IT);
    expect(seam).toMatchObject({
      verdict: 'exact',
      basis: ['prompt'],
      phase: 'content',
      reruns: 0,
    });
    expect(target.calls).toEqual({ chat: 0, complete: 0, render: 1, encode: 0 });
  });

  test('a resume of some tokens is sent once, for so many tokens', async () => {
    const target = new FakeTarget(THINKING);
    const seam = await judge(target, THINKING, AFTER_IT, { resume: 3 });
    expect(seam).toMatchObject({
      verdict: 'exact',
      basis: ['prompt', 'continuation', 'shape'],
      continuation: { flip: undefined },
    });
    expect(seam.requests.map(({ url }) => url)).toEqual([
      'http://fake/apply-template',
      'http://fake/v1/chat/completions',
    ]);
    expect(target.chats.map(({ sampling }) => sampling)).toEqual([
      { maxTokens: 3, top: 5, cache: 'cold' },
    ]);
    expect(target.calls).toEqual({ chat: 1, complete: 0, render: 1, encode: 0 });
  });

  test('a resume that is to be disconnected is read so far', async () => {
    const target = new FakeTarget(THINKING);
    const seam = await judge(target, THINKING, AFTER_IT, { resume: 2, endBy: 'disconnect' });
    expect(seam.verdict).toBe('exact');
    expect(seam.answer).toMatchObject({ generated: 2, end: { kind: 'aborted' } });
  });

  test('a cut that the client cannot tell from an earlier one may go on from there', async () => {
    const closing = AFTER_IT - 1;
    const target = new FakeTarget(THINKING);
    const seam = await judge(target, THINKING, closing, { resume: 'whole' });
    expect(seam.verdict).toBe('exact');
    expect(seam.prompt?.kept).toBe(closing - 2);
  });

  test('the same resume is rendered once', async () => {
    const target = new FakeTarget(THINKING);
    const own = judgeOf(target);
    const cuts = [AFTER_IT - 1, AFTER_IT - 2, AFTER_IT - 3];
    for (const k of cuts) await own.judge(planOf(THINKING, k));
    expect(target.calls.render).toBe(1);
  });

  test('raw text is encoded and not resumed', async () => {
    const target = new FakeTarget(THINKING);
    const seam = await judge(target, THINKING, AFTER_IT, { strategy: 'raw-text', resume: 3 });
    expect(seam).toMatchObject({ verdict: 'exact', basis: ['prompt'] });
    expect(target.calls).toEqual({ chat: 0, complete: 0, render: 0, encode: 1 });
  });
});

/** A model that goes on after a wrong prompt with these tokens. */
function unmoved(then: readonly TokenEvent[]) {
  return (tokens: readonly TokenEvent[]): readonly TokenEvent[] =>
    tokens[0]?.id === DERAILED ? then.slice(0, COMPARE) : tokens;
}

describe('a prompt that differs', () => {
  test('is drift while the output is the same: one render, one generation', async () => {
    const target = new FakeTarget(THINKING, {
      render: tooManyBreaks,
      complete: unmoved(THINKING.tokens.slice(AFTER_IT)),
    });
    const seam = await judge(target, THINKING, AFTER_IT);
    expect(seam).toMatchObject({
      verdict: 'drift',
      check: 'prompt',
      basis: ['prompt', 'continuation'],
    });
    expect(seam.continuation).toMatchObject({ compared: COMPARE, flip: undefined });
    expect(target.calls).toEqual({ chat: 0, complete: 1, render: 1, encode: 0 });
  });

  test('is diverged when the output differs and the token control does not', async () => {
    const target = new FakeTarget(THINKING, { render: tooManyBreaks });
    const seam = await judge(target, THINKING, AFTER_IT);
    expect(seam).toMatchObject({
      verdict: 'diverged',
      check: 'prompt',
      continuation: { flip: { at: 0, actual: DERAILED } },
    });
    expect(target.calls).toEqual({ chat: 0, complete: 2, render: 1, encode: 0 });
  });

  test('generates nothing where the prompt alone is asked for', async () => {
    const target = new FakeTarget(THINKING, { render: tooManyBreaks });
    const seam = await judge(target, THINKING, AFTER_IT, { resume: 'never' });
    expect(seam).toMatchObject({ verdict: 'drift', check: 'prompt', basis: ['prompt'] });
    expect(target.calls).toEqual({ chat: 0, complete: 0, render: 1, encode: 0 });
  });

  test('is drift when the output differs by a near tie', async () => {
    const wanted = THINKING.tokens[AFTER_IT]!.id;
    const tied = [DERAILED, wanted].flatMap((id) => [id, -0.7]);
    const target = new FakeTarget(THINKING, {
      render: tooManyBreaks,
      complete: (tokens) =>
        tokens.map((token) => (token.id === DERAILED ? { ...token, top: tied } : token)),
    });
    expect((await judge(target, THINKING, AFTER_IT)).verdict).toBe('drift');
  });

  test('is drift when the token control does not repeat the uninterrupted run either', async () => {
    const target = new FakeTarget(THINKING, {
      render: tooManyBreaks,
      complete: derailedAt(0),
    });
    expect((await judge(target, THINKING, AFTER_IT)).verdict).toBe('drift');
  });

  test('is generated from once, however many cuts it stands for', async () => {
    const target = new FakeTarget(THINKING, { render: () => 'Hi' });
    const own = judgeOf(target);
    for (const k of [1, AFTER_TWO, AFTER_IT]) await own.judge(planOf(THINKING, k));
    expect(target.completions.filter(({ prompt }) => prompt.length === 2)).toHaveLength(1);
  });

  test('is no divergence where the uninterrupted run had run out of tokens', async () => {
    const k = CUT_SHORT.length - 1;
    const target = new FakeTarget(CUT_SHORT, {
      render: tooManyBreaks,
      complete: unmoved([CUT_SHORT.tokens[k]!, ...THINKING.tokens.slice(-3)]),
    });
    expect((await judge(target, CUT_SHORT, k)).verdict).toBe('drift');
  });

  test('of a synthetic text is drift: there is no output to differ from', async () => {
    const target = new FakeTarget(THINKING, { render: tooManyBreaks });
    const subject = await syntheticSubject(
      target,
      subjectOf(THINKING),
      { reasoning: 'why', content: 'so' },
      signal,
    );
    const seam = await judgeOf(target).judge({
      ...planOf(THINKING, 0),
      subject,
      k: subject.generation.length,
    });
    expect(seam.prompt?.agrees).toBe(false);
    expect(seam.verdict).toBe('drift');
  });
});

/** Tokens of which one is another one, where there are as many. */
function derailedAt(at: number) {
  return <T extends TokenEvent>(tokens: readonly T[]): T[] =>
    tokens.map((token, i) => (i === at ? { ...token, id: DERAILED } : token));
}

/** An answer whose second token is another one. */
function flipped(answer: Answer): Answer {
  return {
    ...answer,
    tokens: answer.tokens.map((token, i) => (i === 1 ? { ...token, id: DERAILED } : token)),
  };
}

/** The same, where both tokens are as likely. */
function flippedByATie(answer: Answer): Answer {
  const top = [DERAILED, answer.tokens[1]!.id].flatMap((id) => [id, -0.7]);
  const { tokens, ...rest } = flipped(answer);
  return {
    ...rest,
    tokens: tokens.map((token) => (token.id === DERAILED ? { ...token, top } : token)),
  };
}

describe('a resume that goes astray', () => {
  test('in its tokens, twice the same way, is diverged: two resumes, one control', async () => {
    const target = new FakeTarget(THINKING, { chat: flipped });
    const seam = await judge(target, THINKING, AFTER_TWO, { resume: 'whole' });
    expect(seam).toMatchObject({
      verdict: 'diverged',
      check: 'continuation',
      reruns: 1,
      continuation: { flip: { at: 1 } },
    });
    expect(target.calls).toEqual({ chat: 2, complete: 1, render: 1, encode: 0 });
  });

  test('once, and not again, is unstable', async () => {
    const target = new FakeTarget(THINKING, {
      chat: (answer, _, call) => (call === 1 ? flipped(answer) : answer),
    });
    const seam = await judge(target, THINKING, AFTER_TWO, { resume: 'whole' });
    expect(seam).toMatchObject({ verdict: 'unstable', reruns: 1 });
    expect(target.calls.chat).toBe(2);
  });

  test('where the token control does too is unstable', async () => {
    const target = new FakeTarget(THINKING, {
      chat: flipped,
      complete: derailedAt(1),
    });
    const seam = await judge(target, THINKING, AFTER_TWO, { resume: 'whole' });
    expect(seam).toMatchObject({ verdict: 'unstable', check: 'continuation', reruns: 0 });
    expect(target.calls.chat).toBe(1);
  });

  test('is held against a token control that goes as far', async () => {
    const at = 9;
    const target = new FakeTarget(THINKING, {
      chat: (answer) => ({
        ...answer,
        tokens: answer.tokens.map((token) =>
          token.place === at + 1 ? { ...token, id: DERAILED } : token,
        ),
      }),
      complete: derailedAt(at),
    });
    const seam = await judge(target, THINKING, 0, { resume: 'whole' });
    expect(seam).toMatchObject({ verdict: 'unstable', continuation: { flip: { at } } });
  });

  test('by a near tie is unstable', async () => {
    const target = new FakeTarget(THINKING, { chat: flippedByATie });
    expect((await judge(target, THINKING, AFTER_TWO, { resume: 'whole' })).verdict).toBe(
      'unstable',
    );
  });

  test('ends early is diverged', async () => {
    const target = new FakeTarget(THINKING, {
      chat: (answer) => ({
        ...answer,
        tokens: answer.tokens.slice(0, 1),
        deltas: answer.deltas.slice(0, 1),
        generated: 2,
      }),
    });
    const seam = await judge(target, THINKING, AFTER_TWO, { resume: 'whole' });
    expect(seam).toMatchObject({
      verdict: 'diverged',
      check: 'continuation',
      continuation: { flip: { at: 2 } },
    });
  });

  test.each([
    ['echo', (held: string, rest: string) => held + rest],
    ['lost', (_: string, rest: string) => rest.slice(1)],
  ])('in what the client reads is diverged: %s', async (problem, mutate) => {
    const held = 'It';
    const rest = ' is 4€.';
    const target = new FakeTarget(THINKING, {
      chat: (answer) => ({ ...answer, deltas: [{ after: 1, content: mutate(held, rest) }] }),
    });
    const seam = await judge(target, THINKING, AFTER_IT, { resume: 'whole' });
    expect(seam).toMatchObject({
      verdict: 'diverged',
      check: 'shape',
      shape: { problem },
      reruns: 1,
    });
    expect(target.calls).toEqual({ chat: 2, complete: 0, render: 1, encode: 0 });
  });

  test('with a finish reason that is not that of the uninterrupted run is diverged', async () => {
    const target = new FakeTarget(CALLING, { chat: (answer) => ({ ...answer, finish: 'stop' }) });
    const seam = await judge(target, CALLING, AFTER_TWO, { resume: 'whole' });
    expect(seam).toMatchObject({
      verdict: 'diverged',
      check: 'shape',
      shape: { problem: 'finish' },
    });
  });
});

describe('a server that says no', () => {
  test('to the render is rejected, and not asked again', async () => {
    const target = new FakeTarget(THINKING, { render: () => refuse(400) });
    const seam = await judge(target, THINKING, AFTER_IT, { resume: 'whole' });
    expect(seam).toMatchObject({
      verdict: 'rejected',
      check: 'resume',
      basis: ['resume'],
      refusal: { status: 400, message: 'no, thanks' },
    });
    expect(target.calls).toEqual({ chat: 0, complete: 0, render: 1, encode: 0 });
  });

  test('to the resume itself is rejected', async () => {
    const target = new FakeTarget(THINKING, { chat: () => refuse(422) });
    const seam = await judge(target, THINKING, AFTER_IT, { resume: 'whole' });
    expect(seam).toMatchObject({ verdict: 'rejected', refusal: { status: 422 } });
    expect(target.calls.chat).toBe(1);
  });

  test.each([401, 403, 404, 408, 429, 500, 503])(
    'with HTTP %i is in trouble, not resuming badly',
    async (status) => {
      const target = new FakeTarget(THINKING, { render: () => refuse(status) });
      const seam = await judge(target, THINKING, AFTER_IT);
      expect(seam).toMatchObject({
        verdict: 'error',
        check: undefined,
        error: `HTTP ${status}: no, thanks`,
      });
      expect(target.spending.requests).toBe(1);
    },
  );
});

describe('trouble', () => {
  test.each([
    ['reset', { kind: 'reset', detail: 'gone' }],
    ['stalled', { kind: 'stalled', afterMs: 1 }],
    ['garbled', { kind: 'garbled', detail: 'html' }],
    ['error-event', { kind: 'error-event', message: 'x', body: '' }],
  ] as const)(
    'a resumed stream that breaks twice the same way is a finding: %s',
    async (_, end) => {
      const target = new FakeTarget(THINKING, { chat: (answer) => ({ ...answer, end }) });
      const seam = await judge(target, THINKING, AFTER_IT, { resume: 'whole' });
      expect(seam).toMatchObject({ verdict: 'diverged', check: 'transport', reruns: 1 });
      expect(target.calls.chat).toBe(2);
    },
  );

  test('a resumed stream that breaks once is an error, never a pass', async () => {
    const end = { kind: 'reset', detail: 'gone' } as const;
    const target = new FakeTarget(THINKING, {
      chat: (answer, _, call) => (call === 1 ? { ...answer, end } : answer),
    });
    const seam = await judge(target, THINKING, AFTER_IT, { resume: 'whole' });
    expect(seam.verdict).toBe('error');
    expect(seam.error).toMatch(/^the resumed stream /);
  });

  test('an abort is thrown on', async () => {
    const stop = new AbortController();
    const target = new FakeTarget(THINKING, {
      render: () => {
        stop.abort();
        throw new Error('stopped');
      },
    });
    const own = new Judge(target, new Controls(target, COMPARE, stop.signal), {
      compare: COMPARE,
      signal: stop.signal,
    });
    await expect(own.judge(planOf(THINKING, AFTER_IT))).rejects.toThrow('stopped');
  });
});

describe('token ids, the control as a strategy', () => {
  test('is exact where the engine repeats itself', async () => {
    const target = new FakeTarget(THINKING);
    const seam = await judge(target, THINKING, AFTER_IT, { strategy: 'token-ids' });
    expect(seam).toMatchObject({ verdict: 'exact', basis: ['continuation'] });
    expect(target.calls).toEqual({ chat: 0, complete: 1, render: 0, encode: 0 });
  });

  test('is unstable, never a finding, where it does not', async () => {
    const target = new FakeTarget(THINKING, {
      complete: () => [{ id: EOS, bytes: new Uint8Array() }],
    });
    const seam = await judge(target, THINKING, AFTER_IT, { strategy: 'token-ids' });
    expect(seam).toMatchObject({ verdict: 'unstable', check: 'continuation' });
  });
});

test('a view that was really held is judged by the cuts that it stands for', async () => {
  const target = new FakeTarget(THINKING);
  const view = { reasoning: 'Two', content: '', toolCalls: [] };
  const seam = await judge(target, THINKING, AFTER_IT, { view });
  expect(seam).toMatchObject({ verdict: 'exact', view, prompt: { kept: AFTER_TWO } });
});
