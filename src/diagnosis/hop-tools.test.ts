/** Tools and conversations on both sides of a hop: the changes that are rare. */
import { describe, expect, test } from 'vitest';
import type { JsonObject } from '../dialects/json.ts';
import { askingOf, hopCausesOf, putRight } from './hop-causes.ts';
import type { HopRequest } from './hop-fields.ts';
import { chatTools, compareCalls, compareTools } from './hop-tools.ts';
import { compareHop } from './hops.ts';

const at = (body: JsonObject): HopRequest => ({ path: '/v1/chat/completions', body });
const call = (name: string, held: unknown): JsonObject => ({
  id: 'a',
  type: 'function',
  function: { name, arguments: held },
});
const calling = (...calls: JsonObject[]): JsonObject => ({ role: 'assistant', tool_calls: calls });

/** The changes by field, those that are kept left out. */
function seen(changes: readonly { field: string; change: string; detail: string }[]): string[] {
  return changes
    .filter(({ change }) => change !== 'kept')
    .map(({ field, change, detail }) => `${field} ${change} ${detail}`.trim());
}

describe('calls', () => {
  test('one more than were sent is added', () => {
    expect(seen(compareCalls(calling(), calling(call('f', '{}')), 'm.'))).toEqual([
      'm.tool_calls[0] added',
    ]);
  });

  test('arguments that are gone are dropped, those that were never there kept', () => {
    for (const none of [null, undefined]) {
      const gone = compareCalls(calling(call('f', '{}')), calling(call('f', none)), '');
      expect(seen(gone)).toEqual(['tool_calls[0].arguments dropped']);
      for (const before of [null, undefined])
        expect(
          seen(compareCalls(calling(call('f', before)), calling(call('f', none)), '')),
        ).toEqual([]);
    }
  });

  test('equal values in another text are rewritten, and told as equal', () => {
    const changes = compareCalls(
      calling(call('f', '{"a":1,"b":2}')),
      calling(call('g', '{"b": 2, "a": 1}')),
      '',
    );
    expect(seen(changes)).toEqual([
      'tool_calls[0].name rewritten',
      'tool_calls[0].arguments rewritten equal JSON',
    ]);
  });

  test('another name is a call that was rewritten', () => {
    const [sent, forwarded] = [
      at({ messages: [calling(call('f', '{}'))] }),
      at({ messages: [calling(call('g', '{}'))] }),
    ];
    expect(hopCausesOf(sent, forwarded, compareHop(sent, forwarded))).toEqual([
      'tool-call-rewritten',
    ]);
  });
});

const tool = (name: string, more: JsonObject = {}): JsonObject => ({
  type: 'function',
  function: { name, ...more },
});

describe('definitions and the choice', () => {
  test('are added, dropped, kept, or rewritten', () => {
    const auto = { tool_choice: 'auto' };
    expect(compareTools({}, {})).toEqual([]);
    expect(seen(compareTools({}, auto))).toEqual(['tool_choice added']);
    expect(seen(compareTools(auto, {}))).toEqual(['tool_choice dropped']);
    expect(compareTools(auto, auto)).toMatchObject([{ field: 'tool_choice', change: 'kept' }]);
    expect(seen(compareTools(auto, { tool_choice: 'none' }))).toEqual(['tool_choice rewritten']);
    expect(
      seen(compareTools({ tool_choice: { type: 'any' } }, { tool_choice: 'required' })),
    ).toEqual(['tool_choice reshaped']);
  });

  test('one tool more is told with its place', () => {
    const changes = compareTools({ tools: [tool('f')] }, { tools: [tool('f'), tool('g')] });
    expect(changes).toEqual([
      {
        field: 'tools[1]',
        sent: undefined,
        forwarded: { name: 'g' },
        change: 'added',
        detail: '',
      },
    ]);
  });

  test('in another order they are moved', () => {
    const changes = compareTools(
      { tools: [tool('f'), tool('g')] },
      { tools: [tool('g'), tool('f')] },
    );
    expect(seen(changes)).toEqual(['tools[0] moved tools[1]', 'tools[1] moved tools[0]']);
  });

  test('the choice of a tool has two forms', () => {
    const chat = { tool_choice: { type: 'function', function: { name: 'f' } } };
    const messages = { tool_choice: { type: 'tool', name: 'f' } };
    expect(seen(compareTools(messages, chat))).toEqual(['tool_choice reshaped']);
    expect(seen(compareTools(chat, messages))).toEqual(['tool_choice reshaped']);
    const other = { tool_choice: { type: 'function', function: { name: 'g' } } };
    expect(seen(compareTools(messages, other))).toEqual(['tool_choice rewritten']);
    expect(chatTools(messages)).toEqual(chat);
    expect(chatTools({ tool_choice: { type: 'auto' } })).toEqual({ tool_choice: 'auto' });
  });
});

describe('a conversation', () => {
  test('with one message more than was sent has one added', () => {
    const user = { role: 'user', content: 'A question' };
    const system = { role: 'system', content: 'Be brief, and nothing else' };
    const changes = compareHop(at({ messages: [user] }), at({ messages: [system, user] }));
    expect(seen(changes)).toEqual(['messages[0] added']);
    const [sent, forwarded] = [at({ messages: [user] }), at({ messages: [system, user] })];
    expect(hopCausesOf(sent, forwarded, changes)).toEqual(['history-changed']);
  });

  test('keeps what stands beside the results of tools', () => {
    const result = { type: 'tool_result', tool_use_id: 'a' };
    const text = { type: 'text', text: 'and more' };
    const sent = at({ messages: [{ role: 'user', content: [result, text] }] });
    const chat = [
      { role: 'tool', tool_call_id: 'a', content: '' },
      { role: 'user', content: 'and more' },
    ];
    expect(seen(compareHop(sent, at({ messages: chat })))).toEqual([
      'messages[-1].content reshaped',
    ]);
    expect(seen(compareHop(sent, at({ messages: chat.slice(0, 1) })))).toEqual([
      'messages[-1] dropped',
    ]);
  });
});

test('a flag may be a word, and an empty one asks for nothing', () => {
  expect(askingOf(at({ continue_final_message: 'content' }))).toBe('flags');
  expect(askingOf(at({ continue_final_message: '' }))).toBe('none');
});

test('arguments of the template are put back, from wherever they were sent', () => {
  const messages = [{ role: 'assistant', content: 'x' }];
  const held = { enable_thinking: false };
  const right = (sent: JsonObject): unknown =>
    putRight(at({ messages, ...sent }), at({ messages }), ['template-arguments-dropped'])[
      'chat_template_kwargs'
    ];
  expect(right({ chat_template_kwargs: held })).toEqual(held);
  expect(right({ extra_body: { chat_template_kwargs: held } })).toEqual(held);
  expect(right({})).toEqual({});
});
