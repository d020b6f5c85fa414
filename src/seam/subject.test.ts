import { describe, expect, test } from 'vitest';
import { CUT_SHORT, FakeTarget, SCENARIO, subjectOf, THINKING } from './fixtures.test-help.ts';
import type { TokenEvent } from './generation.ts';
import { keptIds, makeSubject, noiseBetween } from './subject.ts';

const signal = new AbortController().signal;

test('a subject is a generation with everything that follows from it', async () => {
  const target = new FakeTarget(THINKING);
  const subject = await makeSubject(target, THINKING.scenario, signal);
  expect(subject).toEqual({
    ...subjectOf(THINKING),
    repeat: { tried: 2, disagreements: 0, noise: 0 },
    told: 9,
  });
  expect(target.completions.map(({ sampling }) => sampling.cache)).toEqual(['cold', 'warm']);
});

describe('the repeat control', () => {
  test('counts a chat stream that is not the completion', async () => {
    const scenario = { ...SCENARIO, maxTokens: CUT_SHORT.length };
    const target = new FakeTarget(CUT_SHORT, {
      complete: (tokens, prompt) =>
        prompt.length === CUT_SHORT.promptIds.length && tokens.length > 2
          ? tokens.toReversed()
          : tokens,
    });
    expect((await makeSubject(target, scenario, signal)).repeat.disagreements).toBe(1);
  });

  test('counts a warm run that is not the cold one', async () => {
    const target = new FakeTarget(THINKING, {
      complete: (tokens, _, call) => (call === 2 ? tokens.slice(1) : tokens),
    });
    expect((await makeSubject(target, THINKING.scenario, signal)).repeat.disagreements).toBe(1);
  });

  test('measures the noise of a warm run', async () => {
    const target = new FakeTarget(THINKING, {
      complete: (tokens, _, call) =>
        call === 2 ? tokens.map((token) => ({ ...token, logprob: -0.26 })) : tokens,
    });
    expect((await makeSubject(target, THINKING.scenario, signal)).repeat.noise).toBeCloseTo(0.25);
  });

  test('measures the noise of the chat stream', async () => {
    const target = new FakeTarget(THINKING, {
      chat: (answer) => ({
        ...answer,
        tokens: answer.tokens.map((token) => ({ ...token, logprob: -0.51 })),
      }),
    });
    expect((await makeSubject(target, THINKING.scenario, signal)).repeat.noise).toBeCloseTo(0.5);
  });
});

describe('once', () => {
  test('is the same subject for little more than its stream, and nothing is said of repeats', async () => {
    const target = new FakeTarget(THINKING);
    const subject = await makeSubject(target, THINKING.scenario, signal, { once: true });
    const repeat = { tried: 0, disagreements: 0, noise: 0 };
    expect(subject).toEqual({ ...subjectOf(THINKING), repeat, told: 9 });
    expect(target.calls.chat).toBe(1);
    expect(target.chats[0]?.sampling.top).toBe(0);
    const asked = target.completions.reduce((sum, { sampling }) => sum + sampling.maxTokens, 0);
    expect(asked).toBeLessThan(THINKING.tokens.length);
  });

  test('is not enough where the stream tells no ids: both arms are made', async () => {
    const target = new FakeTarget(THINKING, { chat: (answer) => ({ ...answer, tokens: [] }) });
    const subject = await makeSubject(target, THINKING.scenario, signal, { once: true });
    expect(subject.generation.tokens).toEqual(THINKING.tokens);
    expect(subject.repeat).toMatchObject({ tried: 2, disagreements: 0 });
    expect(target.calls).toMatchObject({ chat: 1, complete: 2 });
  });

  test('is not enough where the engine goes on otherwise than it streamed', async () => {
    const target = new FakeTarget(THINKING, {
      complete: (tokens, _, call) => (call === 1 ? tokens.toReversed() : tokens),
    });
    const subject = await makeSubject(target, THINKING.scenario, signal, { once: true });
    expect(subject.generation.tokens).toEqual(THINKING.tokens);
    expect(subject.repeat.tried).toBe(2);
  });
});

function run(...logprobs: readonly number[]): TokenEvent[] {
  return logprobs.map((logprob, id) => ({ id, bytes: new Uint8Array(), logprob }));
}

test('noise is measured up to the first token that differs', () => {
  expect(noiseBetween(run(-1, -2), run(-1.5, -2.25))).toBe(0.5);
  expect(noiseBetween(run(-1, -2, -3), run(-1, -2))).toBe(0);
  const other = run(-1, -2, -9).with(1, { id: 77, bytes: new Uint8Array(), logprob: -8 });
  expect(noiseBetween(run(-1, -2, -3), other)).toBe(0);
});

test('kept ids are the prompt and the first k tokens', () => {
  expect(keptIds(THINKING, 0)).toEqual(THINKING.promptIds);
  expect(keptIds(THINKING, 2)).toEqual([
    ...THINKING.promptIds,
    THINKING.tokens[0]?.id,
    THINKING.tokens[1]?.id,
  ]);
});
