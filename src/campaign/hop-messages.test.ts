import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Scenario } from '../scenario/schema.ts';
import { hasOpenCall, messagesBody, wholeIn } from './hop-messages.ts';

const members = fc.dictionary(
  fc.string({ minLength: 1, maxLength: 8 }).filter((name) => name !== '__proto__'),
  fc.jsonValue({ maxDepth: 2 }),
  { maxKeys: 4 },
);

describe('what is whole of arguments that are cut', () => {
  test('is all of them at the end, and parses at every place', () => {
    fc.assert(
      fc.property(members, fc.nat({ max: 2 }), (held, indent) => {
        const text = JSON.stringify(held, undefined, indent);
        expect(wholeIn(text)).toEqual(JSON.parse(text));
        for (let end = 0; end < text.length; end++) {
          const names = Object.keys(wholeIn(text.slice(0, end)));
          expect(names).toEqual(Object.keys(JSON.parse(text) as object).slice(0, names.length));
        }
      }),
    );
  });

  test('is never a part of a text', () => {
    expect(wholeIn('{"city": "Oslo", "unit": "cel')).toEqual({ city: 'Oslo' });
    expect(wholeIn('{"city": "Oslo", "unit"')).toEqual({ city: 'Oslo' });
    expect(wholeIn('{"at": [1, {"b": "}"')).toEqual({ at: [1, { b: '}' }] });
    expect(wholeIn(String.raw`{"a": "\\`)).toEqual({});
    expect(wholeIn('not JSON')).toEqual({});
  });
});

test('the body of the Messages API has system, blocks, results and definitions in its own form', () => {
  const scenario: Scenario = {
    id: 'x',
    title: '',
    messages: [
      { role: 'system', content: 'Be brief.' },
      { role: 'user', content: 'Hi' },
      {
        role: 'assistant',
        content: '',
        toolCalls: [
          { id: 'a', name: 'f', arguments: '{"n":1}' },
          { id: 'b', name: 'f', arguments: '{}' },
        ],
      },
      { role: 'tool', toolCallId: 'a', content: '1' },
      { role: 'tool', toolCallId: 'b', content: '2' },
    ],
    tools: [{ name: 'f', description: 'F.', parameters: { type: 'object' } }],
    toolChoice: 'required',
    maxTokens: 8,
    tags: [],
  };
  const view = {
    reasoning: 'Hm.',
    content: '',
    toolCalls: [{ name: 'f', arguments: '{"n": 2, "m": "x' }],
  };
  expect(hasOpenCall(view)).toBe(true);
  expect(hasOpenCall({ toolCalls: [{ name: 'f', arguments: '{"n": 2}' }] })).toBe(false);
  expect(hasOpenCall({ toolCalls: [] })).toBe(false);
  expect(messagesBody(scenario, view)).toEqual({
    system: 'Be brief.',
    tools: [{ name: 'f', description: 'F.', input_schema: { type: 'object' } }],
    tool_choice: { type: 'any' },
    messages: [
      { role: 'user', content: 'Hi' },
      {
        role: 'assistant',
        content: [
          { type: 'tool_use', id: 'a', name: 'f', input: { n: 1 } },
          { type: 'tool_use', id: 'b', name: 'f', input: {} },
        ],
      },
      {
        role: 'user',
        content: [
          { type: 'tool_result', tool_use_id: 'a', content: '1' },
          { type: 'tool_result', tool_use_id: 'b', content: '2' },
        ],
      },
      {
        role: 'assistant',
        content: [
          { type: 'thinking', thinking: 'Hm.', signature: '' },
          { type: 'tool_use', id: 'call_0', name: 'f', input: { n: 2 } },
        ],
      },
    ],
  });
});
