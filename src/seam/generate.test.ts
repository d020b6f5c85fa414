import { describe, expect, test } from 'vitest';
import { CALLING, CUT_SHORT, FakeTarget, PLAIN, SCENARIO, THINKING } from './fixtures.test-help.ts';
import { generate, requestOf, sameIds } from './generate.ts';
import { idsOf, type Generation } from './generation.ts';

const signal = new AbortController().signal;

/** Generates on a server that has just this to say. */
async function again(generation: Generation): ReturnType<typeof generate> {
  const scenario = {
    ...generation.scenario,
    maxTokens: generation.finish === 'length' ? generation.length : 64,
  };
  return await generate(new FakeTarget(generation), scenario, signal);
}

test.each([
  ['thinking', THINKING],
  ['plain', PLAIN],
  ['tool call', CALLING],
  ['out of tokens', CUT_SHORT],
])('a generation is put together from its two arms: %s', async (_, wanted) => {
  const { generation, consistent } = await again(wanted);
  expect(generation).toEqual({ ...wanted, scenario: generation.scenario });
  expect(consistent).toBe(true);
});

test('it is asked for once each: rendered, streamed, continued by ids', async () => {
  const target = new FakeTarget(THINKING);
  await generate(target, THINKING.scenario, signal);
  expect(target.calls).toEqual({ chat: 1, complete: 1, render: 1, encode: 0 });
  expect(target.chats[0]?.request).toEqual(requestOf(THINKING.scenario));
  expect(target.completions[0]?.prompt).toEqual(THINKING.promptIds);
});

/** The first answer by ids is another one than the stream. */
function disagreeing(generation: Generation): FakeTarget {
  return new FakeTarget(generation, {
    complete: (tokens, _, call) => (call === 1 ? tokens.toReversed() : tokens),
  });
}

describe('where the two arms disagree', () => {
  test('the stream counts, and what it hides is asked for gap by gap', async () => {
    const target = disagreeing(CUT_SHORT);
    const scenario = { ...SCENARIO, maxTokens: CUT_SHORT.length };
    const { generation, consistent } = await generate(target, scenario, signal);
    expect(consistent).toBe(false);
    expect(idsOf(generation.tokens)).toEqual(idsOf(CUT_SHORT.tokens));
    const { promptIds, tokens } = CUT_SHORT;
    expect(target.completions.slice(1)).toMatchObject([
      { prompt: promptIds, sampling: { maxTokens: 2 } },
      { prompt: [...promptIds, ...idsOf(tokens, 0, 6)], sampling: { maxTokens: 2 } },
    ]);
  });

  test('a character of several tokens is no reason to give up', async () => {
    const { generation } = await generate(disagreeing(THINKING), SCENARIO, signal);
    expect(idsOf(generation.tokens)).toEqual(idsOf(THINKING.tokens));
  });

  test('and what it hides cannot be learned, the scenario is given up after a few tries', async () => {
    const target = new FakeTarget(THINKING, {
      chat: (answer) => ({ ...answer, generated: answer.generated + 3 }),
    });
    await expect(generate(target, SCENARIO, signal)).rejects.toMatchObject({ code: 'target' });
    expect(target.calls.complete).toBeLessThan(10);
  });
});

test.each([
  ['broken', { kind: 'reset', detail: 'gone' }, 'the stream connection lost: gone'],
  [
    'an error',
    { kind: 'error-event', message: 'busy', body: '' },
    'the stream ended with an error event: busy',
  ],
] as const)(
  'a stream that does not end in good order is no generation: %s',
  async (_, end, message) => {
    const target = new FakeTarget(THINKING, { chat: (answer) => ({ ...answer, end }) });
    await expect(generate(target, THINKING.scenario, signal)).rejects.toMatchObject({
      code: 'target',
      message,
    });
    expect(target.calls.chat).toBe(1);
  },
);

test('a model that says nothing gives no generation', async () => {
  const end = THINKING.tokens.slice(-1);
  const target = new FakeTarget(THINKING, {
    chat: (answer) => ({ ...answer, deltas: [], tokens: [], generated: 1 }),
    complete: () => end,
  });
  await expect(generate(target, THINKING.scenario, signal)).rejects.toMatchObject({
    code: 'target',
    message: 'the model generated nothing',
  });
});

test('ids are the same when all are', () => {
  const { tokens } = THINKING;
  expect(sameIds(tokens, [...tokens])).toBe(true);
  expect(sameIds(tokens, tokens.slice(1))).toBe(false);
  expect(sameIds(tokens, tokens.with(0, { ...tokens[0]!, id: 7 }))).toBe(false);
});
