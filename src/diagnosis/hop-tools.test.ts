/** Tools and conversations on both sides of a hop: the changes that are rare. */
import { describe, expect, test } from 'vitest';
import type { JsonObject } from '../dialects/json.ts';
import { askingOf, hopCausesOf, putRight } from './hop-causes.ts';
import type { HopRequest } from './hop-fields.ts';
import { callsIn, chatTools, compareCalls, compareTools, sameArguments } from './hop-tools.ts';
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

const use = (id: string, name: string, input: unknown): JsonObject => ({
  role: 'assistant',
  content: [
    { type: 'text', text: 'I look.' },
    { type: 'tool_use', id, name, input },
  ],
});

describe('calls of the Messages API', () => {
  test('are told by their own names', () => {
    const changes = compareCalls(use('a', 'f', { x: 1 }), use('b', 'g', { x: 2 }), 'm.');
    expect(seen(changes)).toEqual([
      'm.content[tool_use][0].id rewritten',
      'm.content[tool_use][0].name rewritten',
      'm.content[tool_use][0].input rewritten',
    ]);
  });

  test('lost or added are told whole, without what their API calls them', () => {
    const shown = { id: 'a', name: 'f', arguments: { x: 1 } };
    expect(compareCalls(use('a', 'f', { x: 1 }), {}, 'm.')).toEqual([
      { field: 'm.content[tool_use][0]', sent: shown, change: 'dropped', detail: '' },
    ]);
    expect(compareCalls({}, use('a', 'f', { x: 1 }), 'm.')).toEqual([
      { field: 'm.tool_calls[0]', forwarded: shown, change: 'added', detail: '' },
    ]);
  });

  test('are known by their type alone', () => {
    const content = [{ type: 'text', name: 'f' }, 'text', null];
    expect(callsIn({ content })).toEqual([]);
  });
});

const argumentChanges = (was: unknown, is: unknown): string[] =>
  seen(compareCalls(calling(call('f', was)), calling(call('f', is)), ''));

describe('arguments', () => {
  test.each<readonly [string, unknown, unknown, readonly string[]]>([
    ['the same text', '{"a":1}', '{"a":1}', []],
    ['a text cut in the middle', '{"a":', '{"a":', []],
    ['a trimmed text', '{"a":1} ', '{"a":1}', ['tool_calls[0].arguments trimmed end']],
    ['the value of a text', '{"a":1}', { a: 1 }, ['tool_calls[0].arguments reshaped']],
    ['a text of the value', { a: 1 }, '{"a": 1}', ['tool_calls[0].arguments reshaped']],
    ['another value', { a: 1 }, { a: 2 }, ['tool_calls[0].arguments rewritten']],
    ['no value any more', { a: 1 }, null, ['tool_calls[0].arguments dropped']],
  ])('%s', (_, was, is, expected) => {
    expect(argumentChanges(was, is)).toEqual(expected);
  });

  test('that are equal as JSON are told without both sides being changed', () => {
    expect(compareCalls(calling(call('f', '{"a":1}')), calling(call('f', { a: 1 })), '')).toEqual(
      expect.arrayContaining([
        {
          field: 'tool_calls[0].arguments',
          sent: '{"a":1}',
          forwarded: { a: 1 },
          change: 'reshaped',
          detail: '',
        },
      ]),
    );
  });

  test('are the same as values and as texts, and a list is no text', () => {
    expect(sameArguments('{"a":1}', { a: 1 })).toBe(true);
    expect(sameArguments('{"a":', '{"a":')).toBe(true);
    expect(sameArguments([5], 5)).toBe(false);
    expect(sameArguments(['{}'], {})).toBe(false);
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

  test('one that lost its name’s like is compared in its place', () => {
    const changes = compareTools(
      { tools: [tool('f'), tool('g', { strict: true }), tool('h')] },
      { tools: [tool('f'), tool('k', { strict: false }), tool('h')] },
    );
    expect(seen(changes)).toEqual(['tools[1].name rewritten', 'tools[1].strict rewritten']);
    const first = compareTools({ tools: [tool('f')] }, { tools: [tool('g')] });
    expect(seen(first)).toEqual(['tools[0].name rewritten']);
  });

  test('a place that is taken by name is no place for another', () => {
    const changes = compareTools(
      { tools: [tool('f'), tool('g')] },
      { tools: [tool('g'), tool('h'), tool('k')] },
    );
    expect(changes.map(({ field, change, detail }) => `${field} ${change} ${detail}`)).toEqual([
      'tools[0] dropped ',
      'tools[1] moved tools[0]',
      'tools[1] added ',
      'tools[2] added ',
    ]);
    expect(compareTools({ tools: [tool('f'), tool('g')] }, { tools: [tool('g')] })[0]).toEqual({
      field: 'tools[0]',
      sent: { name: 'f' },
      change: 'dropped',
      detail: '',
    });
  });

  test('what is no definition is compared as it is', () => {
    expect(seen(compareTools({ tools: ['f'] }, { tools: [7, 8] }))).toEqual(['tools[1] added']);
    expect(seen(compareTools({}, { tools: [] }))).toEqual(['tools added']);
    expect(seen(compareTools({ tools: [] }, {}))).toEqual(['tools dropped']);
    expect(seen(compareTools({ tools: [] }, { tools: {} }))).toEqual(['tools reshaped']);
  });

  test('only what the request has stands in the chat form', () => {
    expect(chatTools({})).toStrictEqual({});
    expect(chatTools({ tools: [{ type: 'bash', name: 'f' }] })).toStrictEqual({
      tools: [{ type: 'function', function: { type: 'bash', name: 'f' } }],
    });
    expect(chatTools({ tool_choice: { type: 'none' } })).toEqual({ tool_choice: 'none' });
    expect(chatTools({ tool_choice: { type: 'any' } })).toEqual({ tool_choice: 'required' });
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

const at1 = (message: JsonObject): HopRequest => at({ messages: [message] });

const between = (sent: JsonObject, forwarded: JsonObject): string[] =>
  seen(compareHop(at1(sent), at1(forwarded)));

const thinking = (thought: string, ...more: string[]): JsonObject => ({
  role: 'assistant',
  content: [
    ...[thought, ...more].map((text) => ({ type: 'thinking', thinking: text })),
    { type: 'text', text: 'x' },
  ],
});

const chat = (more: JsonObject): JsonObject => ({ role: 'assistant', content: 'x', ...more });

describe('a message', () => {
  test('is compared field by field, and what is kept is told too', () => {
    const message = { role: 'assistant', content: 'x', name: 'n' };
    expect(compareHop(at1(message), at1(message)).map(({ field }) => field)).toEqual([
      'endpoint',
      'messages[-1].role',
      'messages[-1].content',
      'messages[-1].name',
    ]);
  });

  test('that is none is compared all the same', () => {
    expect(seen(compareHop(at({ messages: ['x'] }), at({ messages: [7] })))).toEqual([]);
    expect(seen(compareHop(at({ messages: [7] }), at({ messages: [] })))).toEqual([
      'messages[-1] dropped',
    ]);
  });

  test('of the system may stand apart, and is told as the first one', () => {
    const last = { role: 'assistant', content: 'x' };
    const system = (content: string): HopRequest => at({ system: content, messages: [last] });
    expect(seen(compareHop(system('Be brief'), system('Be long')))).toEqual([
      'messages[0].content rewritten',
    ]);
  });

  test('has its thought in a block or in a field', () => {
    const thought = 'messages[-1].content[thinking]';
    const shape = 'messages[-1].content reshaped';
    expect(between(thinking('So.'), chat({ reasoning_content: 'So.' }))).toEqual([
      `${thought} renamed messages[-1].reasoning_content`,
      shape,
    ]);
    expect(between(thinking('So.'), chat({ thoughts: 'So.' }))).toEqual([
      `${thought} renamed messages[-1].thoughts`,
      shape,
    ]);
    const both = chat({ reasoning: 'Other', thoughts: 'So.' });
    expect(between(thinking('So.'), both)).toEqual([
      `${thought} renamed messages[-1].thoughts`,
      shape,
      'messages[-1].reasoning added',
    ]);
    for (const name of ['reasoning', 'reasoning_content'])
      expect(between(thinking('So. '), chat({ name: 'n', [name]: 'So.' }))).toEqual([
        `${thought} trimmed end`,
        shape,
        'messages[-1].name added',
      ]);
    expect(between(thinking('So.'), chat({ reasoning: null }))).toEqual([
      `${thought} dropped`,
      shape,
    ]);
    expect(between(thinking('So.'), chat({ name: 'n' }))).toEqual([
      `${thought} dropped`,
      shape,
      'messages[-1].name added',
    ]);
    expect(between(thinking('So', '.'), chat({ reasoning: 'So.' }))).toEqual([
      `${thought} renamed messages[-1].reasoning`,
      shape,
    ]);
  });

  test('whose thought is still in a block has kept it', () => {
    const parts = { content: [{ thinking: 'So.' }, { text: 'x' }] };
    expect(between(thinking('So.'), chat(parts))).toEqual(['messages[-1].content reshaped']);
    expect(between(chat({}), thinking('So.'))).toEqual(['messages[-1].content reshaped']);
  });

  test('needs no content beside calls where there is no text', () => {
    const using = {
      role: 'assistant',
      content: [{ type: 'tool_use', id: 'a', name: 'f', input: {} }],
    };
    const calls = { role: 'assistant', tool_calls: [call('f', {})] };
    expect(between(using, calls)).toEqual(['messages[-1].content reshaped']);
    expect(between({ ...calls, content: '' }, calls)).toEqual(['messages[-1].content dropped']);
    expect(between({ ...calls, content: '' }, { ...calls, content: null })).toEqual([
      'messages[-1].content dropped',
    ]);
    expect(between({ ...calls, content: '' }, { ...calls, content: [] })).toEqual([
      'messages[-1].content reshaped',
    ]);
    expect(between({ ...calls, content: [] }, chat({ content: null }))).toContain(
      'messages[-1].content dropped',
    );
    expect(between({ ...calls, content: '' }, { ...calls, content: 'x' })).toEqual([
      'messages[-1].content rewritten',
    ]);
    expect(between({ ...calls, content: 'x' }, calls)).toEqual(['messages[-1].content dropped']);
  });

  test('has no detail where none is', () => {
    const [, , content] = compareHop(at1(chat({ content: [] })), at1(chat({ content: '' })));
    expect(content).toEqual({
      field: 'messages[-1].content',
      sent: [],
      forwarded: '',
      change: 'reshaped',
      detail: '',
    });
    const [, , thought] = compareHop(at1(thinking('So.')), at1(chat({})));
    expect(thought).toMatchObject({ sent: 'So.', change: 'dropped', detail: '' });
  });

  test('has parts without text, which are no text', () => {
    const parts = [{ type: 'image' }, { text: 'a' }, { type: 'image' }, { text: 'b' }];
    const sent = chat({ content: parts });
    expect(between(sent, chat({ content: 'a\nb' }))).toEqual(['messages[-1].content joined']);
    expect(between(chat({ content: 'ab' }), sent)).toEqual(['messages[-1].content reshaped']);
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
