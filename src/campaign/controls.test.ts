import { describe, expect, test } from 'vitest';
import { DERAILED, EOS, FakeTarget, subjectOf, THINKING } from '../seam/fixtures.test-help.ts';
import type { TokenEvent } from '../seam/generation.ts';
import { keptIds } from '../seam/subject.ts';
import { syntheticSubject } from '../seam/synthetic.ts';
import { Controls } from './controls.ts';

const signal = new AbortController().signal;
const SUBJECT = subjectOf(THINKING);

describe('the token control', () => {
  test('resumes a cut by its ids, cold, for as many tokens as are compared', async () => {
    const target = new FakeTarget(THINKING);
    const controls = new Controls(target, 4, signal);
    expect(await controls.token(SUBJECT, 3, 4)).toMatchObject({ compared: 4, flip: undefined });
    expect(target.completions).toEqual([
      { prompt: keptIds(THINKING, 3), sampling: { maxTokens: 4, top: 5, cache: 'cold' } },
    ]);
    expect(controls.totals.tokenControl).toEqual({ tried: 1, exact: 1 });
  });

  test('goes as far as what it is for, and one made before the first seam serves for less', async () => {
    const target = new FakeTarget(THINKING);
    const controls = new Controls(target, 4, signal);
    await controls.token(SUBJECT, 3, 4);
    await controls.token(SUBJECT, 3, 2);
    expect(target.calls.complete).toBe(1);
    controls.freeze();
    await controls.token(SUBJECT, 3, 3);
    expect(target.calls.complete).toBe(1);
    expect(await controls.token(SUBJECT, 3, 9)).toMatchObject({ flip: undefined });
    expect(target.completions.map(({ sampling }) => sampling.maxTokens)).toEqual([4, 13]);
  });

  test('is one token, or steps of eight, for a seam', async () => {
    const target = new FakeTarget(THINKING);
    const controls = new Controls(target, 24, signal);
    controls.freeze();
    for (const tokens of [1, 2, 7, 8, 9]) await controls.token(SUBJECT, 3, tokens);
    expect(target.completions.map(({ sampling }) => sampling.maxTokens)).toEqual([1, 8, 13]);
  });

  test('asks for log-probabilities where they are used: before τ is fixed, and for the next tokens', async () => {
    const target = new FakeTarget(THINKING);
    const controls = new Controls(target, 24, signal);
    await controls.token(SUBJECT, 3, 2);
    controls.freeze();
    await controls.token(SUBJECT, 3, 1);
    await controls.next(SUBJECT, 3);
    await controls.token(SUBJECT, 4, 1);
    expect(await controls.next(SUBJECT, 4)).toEqual(THINKING.tokens[4]!.top);
    expect(target.completions.map(({ sampling }) => sampling.top)).toEqual([5, 0, 5]);
  });

  test('asks for no more tokens than there are', async () => {
    const target = new FakeTarget(THINKING);
    await new Controls(target, 99, signal).token(SUBJECT, THINKING.length - 1, 99);
    expect(target.completions[0]?.sampling.maxTokens).toBe(2);
  });

  test('runs once for each cut', async () => {
    const target = new FakeTarget(THINKING);
    const controls = new Controls(target, 4, signal);
    await Promise.all([
      controls.token(SUBJECT, 3),
      controls.token(SUBJECT, 3),
      controls.token(SUBJECT, 4),
    ]);
    expect(target.calls.complete).toBe(2);
    expect(controls.totals.tokenControl).toEqual({ tried: 2, exact: 2 });
  });

  test('tells where an engine does not repeat itself', async () => {
    const other: TokenEvent = { id: DERAILED, bytes: new Uint8Array() };
    const target = new FakeTarget(THINKING, { complete: (tokens) => tokens.with(1, other) });
    const controls = new Controls(target, 4, signal);
    expect((await controls.token(SUBJECT, 3, 2)).flip).toMatchObject({ at: 1, actual: DERAILED });
    expect(controls.totals.tokenControl).toEqual({ tried: 1, exact: 0 });
  });

  test('tells an engine that ends early', async () => {
    const target = new FakeTarget(THINKING, {
      complete: () => [{ id: EOS, bytes: new Uint8Array() }],
    });
    expect((await new Controls(target, 4, signal).token(SUBJECT, 3)).flip).toMatchObject({
      at: 0,
      actual: EOS,
    });
  });

  test('of a synthetic text says nothing about the real one with the same name', async () => {
    const target = new FakeTarget(THINKING, {
      complete: () => [{ id: DERAILED, bytes: new Uint8Array() }],
    });
    const text = { reasoning: '', content: 'abcd' };
    const synthetic = await syntheticSubject(target, SUBJECT, text, signal);
    const controls = new Controls(target, 4, signal);
    const k = synthetic.generation.length;
    await controls.token(synthetic, k);
    expect((await controls.token(SUBJECT, k)).flip).toBeDefined();
  });
});

/** The tokens as they are, but more or less likely. */
const likelier = (by: number) => (tokens: readonly TokenEvent[]) =>
  tokens.map((token) => ({ ...token, logprob: (token.logprob ?? 0) + by }));

describe('τ', () => {
  test('is nothing without noise', () => {
    expect(new Controls(new FakeTarget(THINKING), 4, signal).tau).toBe(0);
  });

  test('is twice the largest noise of any control', async () => {
    const target = new FakeTarget(THINKING, { complete: likelier(-0.25) });
    const controls = new Controls(target, 4, signal);
    await controls.token(SUBJECT, 3);
    expect(controls.tau).toBeCloseTo(0.5);
    controls.addRepeat({ ...SUBJECT, repeat: { tried: 2, disagreements: 1, noise: 0.5 } });
    controls.addRepeat({ ...SUBJECT, repeat: { tried: 2, disagreements: 0, noise: 0.125 } });
    expect(controls.totals).toMatchObject({ repeats: 4, repeatDisagreements: 1, tau: 1 });
  });

  test('does not move once it is fixed', async () => {
    const controls = new Controls(new FakeTarget(THINKING, { complete: likelier(-1) }), 4, signal);
    controls.freeze();
    await controls.token(SUBJECT, 3);
    expect(controls.tau).toBe(0);
  });
});
