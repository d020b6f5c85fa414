/** What the changes of a hop mean, and the body that should have been forwarded. */
import { describe, expect, test } from 'vitest';
import type { JsonObject } from '../dialects/json.ts';
import {
  askingOf,
  HOP_CAUSE_NAMES,
  HOP_CAUSES,
  hopCausesOf,
  putRight,
  type HopCause,
} from './hop-causes.ts';
import { compareHop } from './hops.ts';

const CHAT = '/v1/chat/completions';
const MESSAGES = '/v1/messages';
const FLAGS = { continue_final_message: true, add_generation_prompt: false };
const USER = { role: 'user', content: 'Add 2 and 2.' };
const LAST = { role: 'assistant', content: 'The sum' };

/** The causes of what became of a body, sent and forwarded by the chat API if nothing else is said. */
function causesOf(
  sent: JsonObject,
  forwarded: JsonObject,
  paths: readonly [string, string] = [CHAT, CHAT],
): HopCause[] {
  const [before, after] = [
    { path: paths[0], body: sent },
    { path: paths[1], body: forwarded },
  ];
  return hopCausesOf(before, after, compareHop(before, after));
}

function right(
  sent: JsonObject,
  forwarded: JsonObject,
  causes: readonly HopCause[],
  path = CHAT,
): JsonObject {
  return putRight({ path: CHAT, body: sent }, { path, body: forwarded }, causes);
}

/** A request whose trailing message is this. */
const ending = (last: JsonObject): JsonObject => ({ messages: [USER, { ...LAST, ...last }] });
const call = (held: unknown, name = 'f'): JsonObject => ({
  id: 'c',
  type: 'function',
  function: { name, arguments: held },
});

test('each cause has a title of its own', () => {
  const titles = HOP_CAUSE_NAMES.map((name) => HOP_CAUSES[name]);
  for (const title of titles) expect(title).toMatch(/^The gateway [^\n]*\.$/);
  expect(new Set(titles).size).toBe(titles.length);
});

describe('how a request asks for the continuation', () => {
  test.each<readonly [string, string, JsonObject, string]>([
    ['by a flag', CHAT, FLAGS, 'flags'],
    ['by a flag that a client library packs', CHAT, { extra_body: FLAGS }, 'flags'],
    ['by a flag that is off', CHAT, { continue_final_message: false }, 'none'],
    ['by DeepSeek’s marker', CHAT, ending({ prefix: true }), 'marker'],
    ['by Kimi’s marker', CHAT, ending({ partial: true }), 'marker'],
    ['by a marker that is off', CHAT, ending({ prefix: false }), 'none'],
    ['by the endpoint', MESSAGES, ending({}), 'endpoint'],
    ['by the endpoint with a query', `${MESSAGES}?beta=true`, ending({}), 'endpoint'],
    ['by an endpoint behind it', `${MESSAGES}/count_tokens`, ending({}), 'none'],
    ['by the endpoint, of a user’s message', MESSAGES, { messages: [USER] }, 'none'],
    [
      'by flags although there is a marker',
      CHAT,
      { ...ending({ prefix: true }), ...FLAGS },
      'flags',
    ],
    ['by a marker although it is that endpoint', MESSAGES, ending({ prefix: true }), 'marker'],
    ['not at all', CHAT, ending({}), 'none'],
  ])('%s', (_, path, body, asking) => {
    expect(askingOf({ path, body })).toBe(asking);
  });
});

describe('the request for the continuation', () => {
  test('is not lost where it needs no words', () => {
    const marked = ending({ prefix: true });
    expect(causesOf(marked, ending({}), [CHAT, MESSAGES])).toEqual([]);
    expect(causesOf(ending({}), ending({}), [MESSAGES, `${MESSAGES}?beta=true`])).toEqual([]);
  });

  test('is not what is told where the message is gone', () => {
    const gone = { messages: [USER] };
    expect(causesOf({ ...ending({}), ...FLAGS }, gone)).toEqual(['message-dropped']);
    expect(causesOf(ending({ prefix: true }), gone)).toEqual(['message-dropped']);
  });
});

describe('the text', () => {
  const parts = [
    { type: 'text', text: 'The' },
    { type: 'text', text: ' sum' },
  ];

  test.each<readonly [string, unknown, unknown, readonly HopCause[]]>([
    ['dropped', 'The sum', '', ['text-dropped']],
    ['trimmed', 'The sum ', 'The sum', ['text-trimmed']],
    ['joined', parts, 'The\n sum', ['parts-joined']],
    ['rewritten', 'The sum', 'Another', ['text-rewritten']],
    ['in another shape', parts, 'The sum', []],
    ['of nothing, gone', '', undefined, ['content-missing']],
    ['of empty parts, gone', [{ text: '' }, { text: '' }], undefined, ['content-missing']],
  ])('%s', (_, content, now, causes) => {
    expect(causesOf(ending({ content }), ending({ content: now }))).toEqual(causes);
  });

  test('of an earlier message is history', () => {
    const second = { messages: [{ ...USER, content: 'Another' }, LAST] };
    expect(causesOf(ending({}), second)).toEqual(['history-changed']);
  });
});

describe('the reasoning', () => {
  const held = { reasoning_content: 'So, two.' };

  test.each<readonly [string, JsonObject, JsonObject, readonly HopCause[]]>([
    ['dropped', held, {}, ['reasoning-dropped']],
    ['under the other name that is read', held, { reasoning: 'So, two.' }, []],
    ['from that name', { reasoning: 'So, two.' }, {}, ['reasoning-dropped']],
    ['under a name that nothing reads', held, { thoughts: 'So, two.' }, ['reasoning-renamed']],
    ['rewritten', held, { reasoning_content: 'So.' }, ['reasoning-rewritten']],
    ['added', {}, held, []],
  ])('%s', (_, sent, forwarded, causes) => {
    expect(causesOf(ending(sent), ending(forwarded))).toEqual(causes);
  });

  test('of an earlier message is not that of the trailing one', () => {
    const past = { role: 'assistant', content: 'Yes, and more', ...held };
    const without = { role: 'assistant', content: 'Yes, and more' };
    expect(causesOf({ messages: [past, LAST] }, { messages: [without, LAST] })).toEqual([]);
  });
});

const earlier = (message: JsonObject): JsonObject => ({ messages: [message, USER, LAST] });

describe('what is around the message', () => {
  test.each<readonly [string, JsonObject, JsonObject, readonly HopCause[]]>([
    [
      'a definition changed',
      { tools: [{ name: 'f' }] },
      { tools: [{ name: 'g' }] },
      ['tools-changed'],
    ],
    ['definitions dropped', { tools: [{ name: 'f' }] }, {}, ['tools-changed']],
    [
      'definitions in another order',
      { tools: [{ name: 'f' }, { name: 'g' }] },
      { tools: [{ name: 'g' }, { name: 'f' }] },
      [],
    ],
    ['the choice dropped', { tool_choice: 'auto' }, {}, ['tools-changed']],
    ['the choice changed', { tool_choice: 'auto' }, { tool_choice: 'none' }, ['tools-changed']],
    ['a choice added', {}, { tool_choice: 'auto' }, []],
    ['a field that sounds like them', { max_tools: 3 }, {}, []],
    ['a field that sounds like a message', { 'old_messages[0]': 'Hi' }, {}, []],
    [
      'arguments of the template dropped',
      { chat_template_kwargs: { a: 1 } },
      {},
      ['template-arguments-dropped'],
    ],
    [
      'packed ones dropped',
      { extra_body: { chat_template_kwargs: { a: 1 } } },
      {},
      ['template-arguments-dropped'],
    ],
    ['arguments added', {}, { chat_template_kwargs: { a: 1 } }, []],
    [
      'moved',
      { extra_body: { chat_template_kwargs: { a: 1 } } },
      { chat_template_kwargs: { a: 1 } },
      [],
    ],
    ['a field that begins like it', { chat_template_kwargs_id: 'name' }, {}, []],
    ['a field that ends like it', { my_chat_template_kwargs: 'name' }, {}, []],
  ])('%s', (_, sent, forwarded, causes) => {
    const body = ending({});
    expect(causesOf({ ...body, ...sent }, { ...body, ...forwarded })).toEqual(causes);
  });

  const calling = { role: 'assistant', content: 'I look.', tool_calls: [call('{"a":1}')] };
  const using = {
    role: 'assistant',
    content: [
      { type: 'text', text: 'I look.' },
      { type: 'tool_use', id: 'c', name: 'f', input: { a: 1 } },
    ],
  };

  test.each<readonly [string, JsonObject, JsonObject, readonly HopCause[]]>([
    ['its role', calling, { ...calling, role: 'user' }, ['history-changed']],
    ['its text', calling, { ...calling, content: 'I look' }, ['history-changed']],
    ['its call', calling, { ...calling, tool_calls: [call('{"a":2}')] }, ['history-changed']],
    [
      'its call of the other API',
      using,
      {
        ...using,
        content: [using.content[0], { type: 'tool_use', id: 'c', name: 'g', input: {} }],
      },
      ['history-changed'],
    ],
    [
      'whose result it is',
      { role: 'tool', tool_call_id: 'c', content: 'Found.' },
      { role: 'tool', tool_call_id: 'd', content: 'Found.' },
      ['history-changed'],
    ],
    ['a note beside it', { ...calling, metadata: { a: 1 } }, calling, []],
    ['a field that begins like one', { ...calling, content_id: 'abcd' }, calling, []],
  ])('of an earlier message: %s', (_, before, after, causes) => {
    expect(causesOf(earlier(before), earlier(after))).toEqual(causes);
  });
});

const flagged = (messages: readonly JsonObject[]): JsonObject => ({ messages, ...FLAGS });

const calls = (held: unknown): JsonObject => ({ content: 'T', tool_calls: [call(held)] });

const use = (input: unknown): JsonObject => ({
  content: [
    { type: 'text', text: 'T' },
    { type: 'tool_use', id: 'c', name: 'f', ...(input === undefined ? {} : { input }) },
  ],
});

describe('put right', () => {
  const sent = { model: 'sent', ...flagged([USER, LAST]) };
  /** The same history in another form, which does no harm. */
  const forwardedUser = { role: 'user', content: [{ type: 'text', text: 'Add 2 and 2.' }] };
  const wrong = { role: 'user', content: 'The' };
  const forwarded = { model: 'forwarded', messages: [forwardedUser, wrong] };

  test.each<HopCause>([
    'role-changed',
    'marker-stripped',
    'marker-untranslated',
    'content-missing',
    'text-dropped',
    'text-trimmed',
    'parts-joined',
    'text-rewritten',
    'reasoning-dropped',
    'reasoning-renamed',
    'reasoning-rewritten',
    'tool-call-dropped',
    'tool-call-rewritten',
  ])('%s: the trailing message alone is the client’s again', (cause) => {
    expect(right(sent, forwarded, [cause])).toEqual({
      model: 'forwarded',
      ...flagged([forwardedUser, LAST]),
    });
  });

  test.each<HopCause>(['history-changed', 'message-dropped'])(
    '%s: the conversation is the client’s again',
    (cause) => {
      expect(right(sent, forwarded, [cause])).toEqual({
        model: 'forwarded',
        ...flagged([USER, LAST]),
      });
    },
  );

  test.each<HopCause>(['flags-dropped', 'continuation-not-asked', 'tools-changed'])(
    '%s: the conversation stays as the hop wrote it',
    (cause) => {
      expect(right(sent, forwarded, [cause])).toEqual({
        model: 'forwarded',
        ...flagged([forwardedUser, wrong]),
      });
    },
  );

  test('a request that asked for nothing still does not', () => {
    expect(right({ messages: [USER, LAST] }, forwarded, ['role-changed'])).toEqual({
      model: 'forwarded',
      messages: [forwardedUser, LAST],
    });
  });

  test('tools and arguments of the template come back only where they were lost', () => {
    const tools = [call('{}')];
    const more = { ...sent, tools, tool_choice: 'auto', chat_template_kwargs: { a: 1 } };
    expect(right(more, forwarded, ['flags-dropped'])).toEqual({
      model: 'forwarded',
      ...flagged([forwardedUser, wrong]),
    });
    expect(right(more, forwarded, ['tools-changed'])).toMatchObject({ tool_choice: 'auto' });
    expect(right(more, forwarded, ['template-arguments-dropped'])).toEqual({
      model: 'forwarded',
      chat_template_kwargs: { a: 1 },
      ...flagged([forwardedUser, wrong]),
    });
  });

  test('a body of the Messages API becomes a chat body, tools and all', () => {
    const blocks = {
      messages: [USER, { role: 'assistant', content: [{ type: 'text', text: 'T' }] }],
    };
    const tools = [{ name: 'f', input_schema: { type: 'object' } }];
    const body = right({ ...blocks, ...FLAGS, tools }, { ...blocks, tools }, [], MESSAGES);
    expect(body).toEqual({
      ...flagged([USER, { role: 'assistant', content: 'T' }]),
      tools: [{ type: 'function', function: { name: 'f', parameters: { type: 'object' } } }],
    });
    const same = right({ ...blocks, ...FLAGS, tools }, { ...blocks, tools }, []);
    expect(same).toEqual({ ...blocks, ...FLAGS, tools });
  });

  const last = (held: JsonObject, now: JsonObject = {}): unknown =>
    (
      right(flagged([USER, { role: 'assistant', ...held }]), flagged([USER, now]), [
        'text-rewritten',
      ])['messages'] as unknown[]
    )[1];

  test('the message has its reasoning under one name, no marker, and one text', () => {
    const whole = { role: 'assistant', content: 'T', reasoning_content: 'So.' };
    expect(last({ content: 'T', reasoning_content: 'So.', prefix: true })).toEqual(whole);
    expect(last({ content: 'T', reasoning: 'So.', partial: true })).toEqual(whole);
    expect(last({ content: 'T', reasoning_content: 'So.', reasoning: 'Other' })).toEqual(whole);
    const parts = [
      { type: 'thinking', thinking: 'So.' },
      { type: 'text', text: 'T' },
      { type: 'text', text: 'he' },
    ];
    expect(last({ content: parts })).toEqual({ ...whole, content: 'The' });
    for (const more of [{}, { tool_calls: [] }, { tool_calls: null }])
      expect(last({ content: 'T', ...more })).toStrictEqual({ role: 'assistant', content: 'T' });
    expect(last({ content: 'T', name: 'n' })).toEqual({
      role: 'assistant',
      content: 'T',
      name: 'n',
    });
  });

  test('the message has its calls, with arguments as texts', () => {
    const now = calls('{"a": 1}');
    // A text is the client's; of a value the forwarded text will do.
    expect(last(calls('{"a":1}'), now)).toEqual({ role: 'assistant', ...calls('{"a":1}') });
    expect(last(use({ a: 1 }), now)).toEqual({ role: 'assistant', ...calls('{"a": 1}') });
    expect(last(use({ a: 2 }), now)).toEqual({ role: 'assistant', ...calls('{"a":2}') });
    expect(last(use({ a: 1 }), use({ a: 1 }))).toEqual({ role: 'assistant', ...calls('{"a":1}') });
    expect(last(use({ a: 1 }))).toEqual({ role: 'assistant', ...calls('{"a":1}') });
    expect(last(use(undefined))).toEqual({ role: 'assistant', ...calls('{}') });
  });
});
