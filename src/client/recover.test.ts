import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import type { Target } from '../dialects/dialect.ts';
import { connect } from '../dialects/registry.ts';
import { parseFault } from '../reference/faults.ts';
import { startReference, type ReferenceServer } from '../reference/server.ts';
import { loadScenarios } from '../scenario/load.ts';
import type { Scenario } from '../scenario/schema.ts';
import { viewOf } from '../seam/view.ts';
import { Refusal } from '../wire/refusal.ts';
import { startFlaky, type Flaky, type PlannedBreak } from './flaky.test-help.ts';
import { recoverThinkingOnly } from './recover.ts';

const { signal } = new AbortController();
const COLD = { maxTokens: 512, top: 0, cache: 'cold' } as const;

let reference: ReferenceServer;
let flaky: Flaky;
let scenario: Scenario;

beforeAll(async () => {
  const found = (await loadScenarios([])).find(({ id }) => id === 'add');
  if (found === undefined) throw new Error('no scenario');
  scenario = found;
  reference = await startReference();
  flaky = await startFlaky(reference.url);
});
afterAll(async () => {
  await flaky.close();
  await reference.close();
});

async function open(
  proxy: Flaky,
  ...plan: PlannedBreak[]
): Promise<{ target: Target; asked: () => unknown[][] }> {
  const lane = proxy.lane();
  const target = await connect(undefined, { url: lane.url, timeouts: { stallMs: 500 } }, signal);
  onTestFinished(() => target.close());
  lane.plan = plan;
  return {
    target,
    asked: () => lane.bodies.map((body) => (JSON.parse(body) as { messages: unknown[] }).messages),
  };
}

/** The model ends its turn there, in good order. */
const endsAfter = (events: number | 'content'): PlannedBreak => ({ events, how: 'finished' });

async function whole(): Promise<{ reasoning: string; content: string }> {
  const { target } = await open(flaky);
  const { messages, tools } = scenario;
  const answer = await target.chat({ messages, tools, thinking: undefined }, COLD, { signal });
  const { reasoning, content } = viewOf(answer.deltas);
  return { reasoning, content };
}

describe('a model that thinks and then says nothing', () => {
  test.each([
    ['after its thinking', [endsAfter('content')], 1],
    ['in the middle of it', [endsAfter(12)], 1],
    ['twice', [endsAfter(12), endsAfter(20)], 2],
  ] as const)(
    '%s is asked again, and the message is what it would have been',
    async (_, plan, extra) => {
      const { target, asked } = await open(flaky, ...plan);
      const asks: number[] = [];
      const { messages } = scenario;
      const got = await recoverThinkingOnly({ target, messages, onAsk: (n) => asks.push(n) });
      const expected = { role: 'assistant', ...(await whole()) };
      expect(got).toMatchObject({ kind: 'answered', extra, message: expected });
      expect(asks).toEqual(Array.from({ length: extra + 1 }, (_unused, i) => i + 1));
      expect(got.kind === 'answered' ? got.history : []).toEqual([...messages, expected]);
      for (const [i, sent] of asked().entries()) {
        expect(sent).toHaveLength(messages.length + (i === 0 ? 0 : 1));
        expect(sent.slice(0, messages.length)).toEqual(
          messages.map(({ role, content }) => ({ role, content })),
        );
        if (i > 0) expect(sent.at(-1)).toMatchObject({ role: 'assistant', content: '' });
      }
    },
  );

  test('three times is enough: empty, and it says so', async () => {
    const { target, asked } = await open(flaky, endsAfter(8), endsAfter(8), endsAfter(8));
    const got = await recoverThinkingOnly({ target, messages: scenario.messages });
    expect(got).toMatchObject({ kind: 'empty', why: 'asked-enough', extra: 2 });
    expect((await whole()).reasoning.startsWith(got.kind === 'empty' ? got.reasoning : '-')).toBe(
      true,
    );
    expect(asked()).toHaveLength(3);
  });

  test('a token limit inside the thinking is a cut, and is not asked again', async () => {
    const { target, asked } = await open(flaky);
    const got = await recoverThinkingOnly({ target, messages: scenario.messages, maxTokens: 9 });
    expect(got).toMatchObject({ kind: 'cut', extra: 0 });
    expect(asked()).toHaveLength(1);
  });

  test('a broken stream is no answer', async () => {
    const { target } = await open(flaky, { events: 9, how: 'clean-end' });
    const recovering = recoverThinkingOnly({ target, messages: scenario.messages });
    await expect(recovering).rejects.toMatchObject({ code: 'target' });
  });

  test('a server that refuses the prefill: empty, and the history as it was', async () => {
    const server = await startReference({ faults: [parseFault('prefill-refused')] });
    const proxy = await startFlaky(server.url);
    onTestFinished(async () => {
      await proxy.close();
      await server.close();
    });
    const { target, asked } = await open(proxy, endsAfter('content'));
    const got = await recoverThinkingOnly({ target, messages: scenario.messages });
    expect(got).toMatchObject({ kind: 'empty', why: 'refused', extra: 1 });
    expect(asked()).toHaveLength(2);
  });

  test('any other refusal is thrown', async () => {
    const { target } = await open(flaky, endsAfter('content'), { events: 0, how: 'http-503' });
    const recovering = recoverThinkingOnly({ target, messages: scenario.messages });
    await expect(recovering).rejects.toBeInstanceOf(Refusal);
  });
});
