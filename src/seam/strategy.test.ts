import { describe, expect, test } from 'vitest';
import type { Prefill } from '../dialects/dialect.ts';
import { CALLING, FORCED, PLAIN, SCENARIO, subjectOf, THINKING } from './fixtures.test-help.ts';
import type { Generation } from './generation.ts';
import { rawText } from './markup.ts';
import { STRATEGIES, type Resume } from './strategy.ts';

function resume(name: string, generation: Generation, k: number): Resume {
  const subject = subjectOf(generation);
  const strategy = STRATEGIES.find((known) => known.name === name);
  return strategy!.resume({ generation, markup: subject.markup, k, view: subject.views[k]! });
}

function prefill(name: string, generation: Generation, k: number): Prefill | undefined {
  const made = resume(name, generation, k);
  return made.kind === 'chat' ? made.request.prefill : undefined;
}

/** Cuts of the thinking generation: inside its reasoning, and after its first words. */
const INSIDE_REASONING = THINKING.deltas[1]!.after;
const AFTER_IT = THINKING.deltas.find((delta) => delta.content === 'It')!.after;

describe('what a strategy sends', () => {
  test('reasoning-field: each text in its own field', () => {
    expect(prefill('reasoning-field', THINKING, INSIDE_REASONING)).toEqual({
      reasoning: 'Two and two',
      content: '',
    });
    expect(prefill('reasoning-field', THINKING, AFTER_IT)).toEqual({
      reasoning: 'Two and two is four.\n',
      content: 'It',
    });
    expect(prefill('reasoning-field', PLAIN, 1)).toEqual({ content: 'It' });
  });

  test('inline-think: the think tags as the model wrote them, closed only when there is more', () => {
    expect(prefill('inline-think', THINKING, INSIDE_REASONING)).toEqual({
      content: '<think>\nTwo and two',
    });
    expect(prefill('inline-think', THINKING, AFTER_IT)).toEqual({
      content: '<think>\nTwo and two is four.\n</think>\n\nIt',
    });
    expect(prefill('inline-think', FORCED, FORCED.deltas[0]!.after)).toEqual({
      content: '<think>\nTwo',
    });
    expect(prefill('inline-think', PLAIN, 1)).toEqual({ content: 'It' });
  });

  test('content-only: the content and nothing else', () => {
    expect(prefill('content-only', THINKING, AFTER_IT)).toEqual({ content: 'It' });
  });

  test('tool calls travel with each of them', () => {
    for (const name of ['reasoning-field', 'inline-think', 'content-only'])
      expect(prefill(name, CALLING, CALLING.length)?.toolCalls).toEqual([
        { id: 'call_1', name: 'get_weather', arguments: '{"city": "Paris"}' },
      ]);
  });

  test('inline-think closes the thinking before a tool call', () => {
    expect(prefill('inline-think', CALLING, CALLING.length)?.content).toBe(
      '<think>\nTwo and two is four.\n</think>\n\n',
    );
  });

  test('raw-text: the prompt and the whole characters after it', () => {
    for (let k = 0; k <= THINKING.length; k++)
      expect(resume('raw-text', THINKING, k)).toEqual({
        kind: 'text',
        text: THINKING.promptText + rawText(THINKING, k),
      });
  });

  test('token-ids: the ids of the prompt and of the kept tokens', () => {
    const ids = [...THINKING.promptIds, ...THINKING.tokens.slice(0, 3).map((token) => token.id)];
    expect(resume('token-ids', THINKING, 3)).toEqual({ kind: 'ids', ids });
  });
});

test('a chat strategy asks the same question again, with the flags only when its name says so', () => {
  const chats = STRATEGIES.filter(({ name }) => !['raw-text', 'token-ids'].includes(name));
  expect(chats).toHaveLength(6);
  for (const { name } of chats) {
    const made = resume(name, THINKING, AFTER_IT);
    if (made.kind !== 'chat') throw new Error(`${name} makes no chat request`);
    expect(made.request.messages).toBe(SCENARIO.messages);
    expect(made.request.flags).toBe(name.endsWith('+flags'));
  }
});

function losing(reasoning: string): string[] {
  const view = { reasoning, content: 'c', toolCalls: [] };
  return STRATEGIES.filter(({ loses }) => loses(view)).map(({ name }) => name);
}

test('only content-only loses something, and only where there is reasoning', () => {
  expect(losing('r')).toEqual(['content-only', 'content-only+flags']);
  expect(losing('')).toEqual([]);
});
