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
