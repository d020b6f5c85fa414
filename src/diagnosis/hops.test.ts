import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { JsonObject } from '../dialects/json.ts';
import { askingOf, HOP_CAUSES, hopCausesOf, putRight, type HopCause } from './hop-causes.ts';
import { wordsOf } from './hop-words.ts';
import { same, type FieldChange, type HopRequest } from './hop-fields.ts';
import { compareHop } from './hops.ts';

const CHAT = '/v1/chat/completions';
const MESSAGES = '/v1/messages';
const FLAGS = { continue_final_message: true, add_generation_prompt: false };

/** Names of fields that mean something to nobody. */
const name = fc.stringMatching(/^[a-z]{4,9}$/).map((text) => `zz_${text}`);
const value = fc.jsonValue({ maxDepth: 2 }) as fc.Arbitrary<unknown>;
const text = fc.string({ minLength: 1, maxLength: 40, unit: 'grapheme' });
const fields = fc.dictionary(name, value, { maxKeys: 5 });
const message = fc
  .tuple(fc.constantFrom('user', 'assistant', 'system'), text)
  .map(([role, content]): JsonObject => ({ role, content }));

/** Any chat body that ends with an assistant message. */
const body = fc
  .tuple(fields, fc.array(message, { maxLength: 4 }), text, fields)
  .map(([top, past, content, own]): JsonObject & { readonly messages: JsonObject[] } => ({
    model: 'm',
    ...top,
    messages: [...past, { role: 'assistant', content, ...own }],
  }));

function at(path: string, of: JsonObject): HopRequest {
  return { path, body: of };
}

function passed(sent: JsonObject, forwarded: JsonObject): FieldChange[] {
  return compareHop(at(CHAT, sent), at(CHAT, forwarded));
}

function changed(changes: readonly FieldChange[]): FieldChange[] {
  return changes.filter(({ change }) => change !== 'kept');
}

function withLast(of: { readonly messages: readonly JsonObject[] }, last: JsonObject): JsonObject {
  return { ...of, messages: [...of.messages.slice(0, -1), last] };
}

describe('a request that passes', () => {
  test('unchanged: every field is kept, whatever the order of its names', () => {
    fc.assert(
      fc.property(body, (sent) => {
        const turned = Object.fromEntries(Object.entries(sent).toReversed());
        expect(changed(passed(sent, structuredClone(turned)))).toEqual([]);
      }),
    );
  });

  test('never makes it throw, and both sides swapped find a difference or none alike', () => {
    const any = fc.object({ maxDepth: 3 }) as fc.Arbitrary<JsonObject>;
    fc.assert(
      fc.property(any, any, (a, b) => {
        const there = changed(passed(a, b)).length;
        expect(changed(passed(b, a)).length > 0).toBe(there > 0);
        if (same(a, b)) expect(there).toBe(0);
        hopCausesOf(at(CHAT, a), at(MESSAGES, b), passed(a, b));
      }),
    );
  });
});

describe('a hop that', () => {
  test('drops a field is told which', () => {
    fc.assert(
      fc.property(body, name, (sent, lost) => {
        const whole = { ...sent, [lost]: 'a value of its own' };
        const { [lost]: _, ...rest } = whole;
        expect(changed(passed(whole, rest))).toEqual([
          {
            field: lost,
            sent: 'a value of its own',
            forwarded: undefined,
            change: 'dropped',
            detail: '',
          },
        ]);
      }),
    );
  });

  test('renames a field is told both names', () => {
    fc.assert(
      fc.property(body, name, (sent, old) => {
        const { [old]: _, ...rest } = sent;
        const seen = passed(
          { ...rest, [old]: 'a value of its own' },
          { ...rest, renamed: 'a value of its own' },
        );
        expect(changed(seen)).toMatchObject([{ field: old, change: 'renamed', detail: 'renamed' }]);
      }),
    );
  });

  test('moves a field into or out of extra_body is told where to', () => {
    fc.assert(
      fc.property(body, name, value, (sent, moved, held) => {
        const { [moved]: _, ...rest } = sent;
        const outside = { ...rest, [moved]: held };
        const inside = { ...rest, extra_body: { [moved]: held } };
        expect(changed(passed(inside, outside))).toMatchObject([
          { field: `extra_body.${moved}`, change: 'moved', detail: moved },
        ]);
        expect(changed(passed(outside, inside))).toMatchObject([
          { field: moved, change: 'moved', detail: `extra_body.${moved}` },
        ]);
      }),
    );
  });

  test('joins text parts is told with what', () => {
    const parts = fc.array(text, { minLength: 2, maxLength: 4 });
    fc.assert(
      fc.property(body, parts, fc.constantFrom('\n', '\n\n'), (sent, texts, separator) => {
        const content = texts.map((part) => ({ type: 'text', text: part }));
        fc.pre(texts.join('').trim() !== '');
        const before = withLast(sent, { role: 'assistant', content });
        const after = withLast(sent, { role: 'assistant', content: texts.join(separator) });
        const [only, ...more] = changed(passed(before, after));
        expect(more).toEqual([]);
        expect(only).toMatchObject({ field: 'messages[-1].content', change: 'joined' });
        expect(texts.join(only?.detail)).toBe(texts.join(separator));
      }),
    );
  });

  test('only writes one part as a text has changed no text', () => {
    fc.assert(
      fc.property(body, text, (sent, held) => {
        const before = withLast(sent, {
          role: 'assistant',
          content: [{ type: 'text', text: held }],
        });
        const after = withLast(sent, { role: 'assistant', content: held });
        expect(changed(passed(before, after))).toMatchObject([{ change: 'reshaped' }]);
        expect(hopCausesOf(at(CHAT, before), at(CHAT, after), passed(before, after))).toEqual([]);
      }),
    );
  });

  test('trims whitespace is told at which end', () => {
    const space = fc.stringMatching(/^[ \n\t]{1,3}$/);
    fc.assert(
      fc.property(body, fc.stringMatching(/^\S(.*\S)?$/), space, (sent, core, gap) => {
        for (const [held, left, end] of [
          [core + gap, core, 'end'],
          [gap + core, core, 'start'],
          [gap + core + gap, core, 'both ends'],
        ] as const) {
          const before = withLast(sent, { role: 'assistant', content: held });
          const after = withLast(sent, { role: 'assistant', content: left });
          expect(changed(passed(before, after))).toMatchObject([
            { field: 'messages[-1].content', change: 'trimmed', detail: end },
          ]);
        }
      }),
    );
  });

  test('drops the trailing message is told so, and not of any other', () => {
    fc.assert(
      fc.property(body, (sent) => {
        const own = sent.messages.map((one, i) => ({
          ...one,
          content: `${i}: ${String(one['content'])}`,
        }));
        const before = { ...sent, messages: own };
        const after = { ...sent, messages: own.slice(0, -1) };
        const changes = passed(before, after);
        expect(changed(changes)).toMatchObject([{ field: 'messages[-1]', change: 'dropped' }]);
        expect(hopCausesOf(at(CHAT, before), at(CHAT, after), changes)).toEqual([
          'message-dropped',
        ]);
      }),
    );
  });

  test('changes the role of the trailing message is told so', () => {
    const sent = {
      messages: [
        { role: 'user', content: 'Hi' },
        { role: 'assistant', content: 'The sum' },
      ],
    };
    const after = withLast(sent, { role: 'user', content: 'The sum' });
    const changes = passed(sent, after);
    expect(changed(changes)).toMatchObject([{ field: 'messages[-1].role', change: 'rewritten' }]);
    expect(hopCausesOf(at(CHAT, sent), at(CHAT, after), changes)).toEqual(['role-changed']);
  });
});

test('a false flag that went missing is not taken for another false field that came', () => {
  const changes = passed({ add_generation_prompt: false }, { stream: false });
  expect(changes.map(({ field, change }) => [field, change])).toEqual([
    ['endpoint', 'kept'],
    ['add_generation_prompt', 'dropped'],
    ['stream', 'added'],
  ]);
});

/** A tool call, with the value of its arguments. */
interface Call {
  readonly id: string;
  readonly name: string;
  readonly held: unknown;
}

const chatCalls = (calls: readonly Call[]): JsonObject => ({
  role: 'assistant',
  content: 'x',
  tool_calls: calls.map((one) => ({
    id: one.id,
    type: 'function',
    function: { name: one.name, arguments: JSON.stringify(one.held) },
  })),
});
const blocks = (calls: readonly Call[]): JsonObject => ({
  role: 'assistant',
  content: [
    { type: 'text', text: 'x' },
    ...calls.map((one) => ({ type: 'tool_use', id: one.id, name: one.name, input: one.held })),
  ],
});
const chatTools = (list: readonly { name: string }[]): JsonObject[] =>
  list.map((one) => ({ type: 'function', function: one }));
const blockTools = (list: readonly { parameters: unknown }[]): JsonObject[] =>
  list.map(({ parameters, ...rest }) => ({ ...rest, input_schema: parameters }));

describe('tools', () => {
  const json = fc.dictionary(name, fc.jsonValue({ maxDepth: 1 }), { maxKeys: 3 });
  const call = fc.record({ id: name, name, held: json });
  const tool = fc.record({ name, description: text, parameters: json });
  const calls = fc.array(call, { minLength: 1, maxLength: 3 });
  const tools = fc.uniqueArray(tool, { minLength: 1, maxLength: 3, selector: (one) => one.name });

  test('in the form of the other API are the same, and no cause of anything', () => {
    fc.assert(
      fc.property(calls, tools, (held, list) => {
        const before = at(MESSAGES, {
          ...FLAGS,
          tools: blockTools(list),
          tool_choice: { type: 'any' },
          messages: [
            { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'c', content: '7' }] },
            blocks(held),
          ],
        });
        const after = at(CHAT, {
          ...FLAGS,
          tools: chatTools(list),
          tool_choice: 'required',
          messages: [{ role: 'tool', tool_call_id: 'c', content: '7' }, chatCalls(held)],
        });
        const changes = compareHop(before, after);
        const kinds = new Set(changed(changes).map(({ field, change }) => `${field} ${change}`));
        kinds.delete('endpoint rewritten');
        for (const kind of kinds) expect(kind).toMatch(/ reshaped$/);
        expect(hopCausesOf(before, after, changes)).toEqual([]);
        // And put right, a body that lost all of it has it again.
        const bare = at(CHAT, { ...FLAGS, messages: [{ role: 'assistant', content: 'x' }] });
        const causes = hopCausesOf(before, bare, compareHop(before, bare));
        expect(causes).toEqual(
          expect.arrayContaining(['tool-call-dropped', 'tools-changed', 'history-changed']),
        );
        const right = at(CHAT, putRight(before, bare, causes));
        expect(right.body['tools']).toEqual(chatTools(list));
        expect(hopCausesOf(before, right, compareHop(before, right))).toEqual([]);
      }),
    );
  });

  test('a lost call and a lost definition are told by their places', () => {
    fc.assert(
      fc.property(calls, tools, fc.nat(), fc.nat(), (held, list, i, j) => {
        const lostTool = j % list.length;
        const before = { tools: chatTools(list), messages: [chatCalls(held)] };
        const after = {
          tools: chatTools(list.filter((_, place) => place !== lostTool)),
          messages: [chatCalls(held.slice(0, i % held.length))],
        };
        const lost = changed(passed(before, after))
          .filter(({ change }) => change === 'dropped')
          .map(({ field }) => field);
        expect(lost).toEqual([
          `tools[${lostTool}]`,
          ...held
            .slice(i % held.length)
            .map((_, n) => `messages[-1].tool_calls[${(i % held.length) + n}]`),
        ]);
      }),
    );
  });

  test('arguments that were written anew are told apart from others', () => {
    const sent = { messages: [chatCalls([{ id: 'c', name: 'f', held: { a: 1 } }])] };
    const after = (written: string): FieldChange[] =>
      changed(
        passed(sent, {
          messages: [
            {
              role: 'assistant',
              content: 'x',
              tool_calls: [
                { id: 'c', type: 'function', function: { name: 'f', arguments: written } },
              ],
            },
          ],
        }),
      );
    const field = 'messages[-1].tool_calls[0].arguments';
    expect(after('{"a": 1}')).toMatchObject([{ field, change: 'rewritten', detail: 'equal JSON' }]);
    expect(after('{"a":2}')).toMatchObject([{ field, change: 'rewritten', detail: '' }]);
    expect(after('{"a":1} ')).toMatchObject([{ field, change: 'rewritten' }]);
    expect(after('')).toMatchObject([{ field, change: 'dropped' }]);
  });
});

describe('what it means', () => {
  const user = { role: 'user', content: 'Hi' };
  const last = { role: 'assistant', content: 'The sum ' };
  const thought = {
    role: 'assistant',
    content: [
      { type: 'thinking', thinking: 'Hmm.\n', signature: '' },
      { type: 'text', text: 'The' },
    ],
  };
  const conversation = { model: 'm', messages: [user, last] };
  const marked = { model: 'm', messages: [user, { ...last, prefix: true }] };
  const cases: readonly (readonly [string, HopRequest, HopRequest, readonly HopCause[]])[] = [
    [
      'nothing',
      at(CHAT, { ...conversation, ...FLAGS }),
      at(CHAT, { ...conversation, ...FLAGS }),
      [],
    ],
    [
      'unpacked flags',
      at(CHAT, { ...conversation, extra_body: FLAGS }),
      at(CHAT, { ...conversation, ...FLAGS }),
      [],
    ],
    [
      'flags left packed',
      at(CHAT, { ...conversation, ...FLAGS }),
      at(CHAT, { ...conversation, extra_body: FLAGS }),
      ['flags-dropped'],
    ],
    [
      'lost flags',
      at(CHAT, { ...conversation, ...FLAGS }),
      at(CHAT, conversation),
      ['flags-dropped'],
    ],
    ['a marker lost', at(CHAT, marked), at(CHAT, conversation), ['marker-stripped']],
    ['a marker as it came', at(CHAT, marked), at(CHAT, marked), ['marker-untranslated']],
    ['a marker translated', at(CHAT, marked), at(CHAT, { ...conversation, ...FLAGS }), []],
    [
      'another endpoint',
      at(MESSAGES, conversation),
      at(CHAT, conversation),
      ['continuation-not-asked'],
    ],
    [
      'another endpoint that asks',
      at(MESSAGES, conversation),
      at(CHAT, { ...conversation, ...FLAGS }),
      [],
    ],
    ['the same endpoint', at(MESSAGES, conversation), at(MESSAGES, conversation), []],
    ['nothing asked', at(CHAT, conversation), at(CHAT, conversation), []],
    [
      'a thought in a field',
      at(MESSAGES, { messages: [user, thought], ...FLAGS }),
      at(CHAT, {
        messages: [user, { role: 'assistant', content: 'The', reasoning_content: 'Hmm.\n' }],
        ...FLAGS,
      }),
      [],
    ],
    [
      'a thought lost',
      at(MESSAGES, { messages: [user, thought], ...FLAGS }),
      at(CHAT, { messages: [user, { role: 'assistant', content: 'The' }], ...FLAGS }),
      ['reasoning-dropped'],
    ],
    [
      'a thought trimmed',
      at(MESSAGES, { messages: [user, thought], ...FLAGS }),
      at(CHAT, {
        messages: [user, { role: 'assistant', content: 'The', reasoning: 'Hmm.' }],
        ...FLAGS,
      }),
      ['reasoning-rewritten'],
    ],
    [
      'a thought where no engine looks',
      at(CHAT, { messages: [user, { ...last, reasoning_content: 'Hmm, long.' }], ...FLAGS }),
      at(CHAT, { messages: [user, { ...last, thoughts: 'Hmm, long.' }], ...FLAGS }),
      ['reasoning-renamed'],
    ],
    [
      'a thought alone, without content',
      at(MESSAGES, {
        messages: [user, { role: 'assistant', content: [{ type: 'thinking', thinking: 'Hmm.' }] }],
        ...FLAGS,
      }),
      at(CHAT, { messages: [user, { role: 'assistant', reasoning_content: 'Hmm.' }], ...FLAGS }),
      ['content-missing'],
    ],
    [
      'a system prompt of its own and the same in front',
      at(MESSAGES, { system: 'Be brief.', messages: [user, last], ...FLAGS }),
      at(CHAT, { messages: [{ role: 'system', content: 'Be brief.' }, user, last], ...FLAGS }),
      [],
    ],
    [
      'a trimmed text and no flag',
      at(CHAT, { ...conversation, ...FLAGS }),
      at(CHAT, { messages: [user, { role: 'assistant', content: 'The sum' }] }),
      ['flags-dropped', 'text-trimmed'],
    ],
    [
      'no template arguments',
      at(CHAT, { ...conversation, ...FLAGS, chat_template_kwargs: { enable_thinking: false } }),
      at(CHAT, { ...conversation, ...FLAGS }),
      ['template-arguments-dropped'],
    ],
  ];

  test.each(cases)('%s', (_, sent, forwarded, causes) => {
    expect(hopCausesOf(sent, forwarded, compareHop(sent, forwarded))).toEqual(causes);
  });

  test.each(cases)('put right, %s does no harm any more', (_, sent, forwarded, causes) => {
    const right = at(CHAT, putRight(sent, forwarded, causes));
    const left = hopCausesOf(sent, right, compareHop(sent, right));
    expect(left).toEqual([]);
    if (askingOf(sent) !== 'none') expect(right.body).toMatchObject(FLAGS);
  });

  test('every cause is one sentence about the gateway', () => {
    for (const title of Object.values(HOP_CAUSES)) expect(title).toMatch(/^The gateway [^\n]*\.$/);
  });

  test('in words: what was done to which field, once each, in one clause', () => {
    const sent = at(MESSAGES, {
      ...marked,
      messages: [user, { role: 'assistant', content: 'a ', prefix: true }],
    });
    const forwarded = at(CHAT, {
      ...marked,
      messages: [user, { role: 'assistant', content: 'a' }],
      stream: false,
    });
    const changes = compareHop(sent, forwarded);
    expect(wordsOf([...changes, ...changes], CHAT)).toBe(
      'drops messages[-1].prefix, rewrites the endpoint to /v1/chat/completions, trims messages[-1].content (end)',
    );
    expect(wordsOf(compareHop(sent, sent), MESSAGES)).toBe('');
  });
});
