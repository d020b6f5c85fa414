import { describe, expect, test } from 'vitest';
import type { JsonObject } from '../dialects/json.ts';
import type { Prefill, SentRequest } from '../dialects/dialect.ts';
import { nameClientCause, sentMessage } from './client.ts';

const NAMES = ['reasoning_content', 'reasoning'];

function request(body: JsonObject, url = 'http://localhost/v1/chat/completions'): SentRequest {
  return { method: 'POST', url, body };
}

function assistant(content: string): JsonObject {
  return { messages: [{ role: 'assistant', content }] };
}

describe('the message that was sent', () => {
  test('is the last one of the last request that holds a conversation', () => {
    const requests = [request(assistant('first')), request(assistant('second')), request({})];
    expect(sentMessage(requests)?.fields).toEqual({ role: 'assistant', content: 'second' });
  });

  test('is none where the format has a field for the prefill', () => {
    expect(sentMessage([request({ ...assistant('x'), prefill: 'y' })])).toBeUndefined();
  });

  test('is known to be missing where another role comes last', () => {
    const messages = [{ role: 'assistant' }, { role: 'user' }];
    expect(sentMessage([request({ messages })])).toEqual({
      fields: undefined,
      reasoningNames: NAMES,
    });
  });
});

test.each<readonly [string, string | undefined, string, Prefill, JsonObject | undefined]>([
  [
    'a call is something that can be dropped',
    'client-drops-message',
    '',
    { content: '', toolCalls: [{ id: '1', name: 'f', arguments: '' }] },
    undefined,
  ],
  ['no calls are nothing', undefined, '', { content: '', toolCalls: [] }, undefined],
  [
    'the newer name of the reasoning is as good',
    undefined,
    '',
    { content: 'a', reasoning: 'b' },
    { content: 'a', reasoning_content: 'b' },
  ],
  [
    'reasoning under one of the names that are read is not misnamed, whatever the other one has',
    undefined,
    '',
    { content: 'a', reasoning: 'b' },
    { content: 'a', reasoning_content: '', reasoning: 'b' },
  ],
  [
    'a name that nobody reads is told',
    'reasoning-misnamed',
    'thinking',
    { content: 'a', reasoning: 'b' },
    { content: 'a', thinking: 'b' },
  ],
  [
    'reasoning that is the content as well is sent under its own name',
    undefined,
    '',
    { content: 'b', reasoning: 'b' },
    { content: 'b', reasoning_content: 'b' },
  ],
  [
    'reasoning that is left out is not under the name of the content',
    undefined,
    '',
    { content: 'b', reasoning: 'b' },
    { content: 'b' },
  ],
  [
    'sent under both names it is not misnamed',
    undefined,
    '',
    { content: 'a', reasoning: 'b' },
    { content: 'a', reasoning_content: 'b', thinking: 'b' },
  ],
  [
    'an empty field is no reasoning without a name',
    'client-trims-whitespace',
    '',
    { content: 'a ' },
    { content: 'a', thinking: '' },
  ],
  ['calls need no content', undefined, '', { content: '' }, { tool_calls: [{ id: '1' }] }],
  ['an empty list of calls does', 'content-missing', '', { content: '' }, { tool_calls: [] }],
  ['null is no content', 'content-missing', '', { content: '' }, { content: null }],
  [
    'an empty content beside the reasoning is not an empty message',
    undefined,
    '',
    { content: 'a', reasoning: 'b' },
    { content: '', reasoning_content: 'b' },
  ],
  [
    'nor is content without the reasoning',
    undefined,
    '',
    { content: 'a', reasoning: 'b' },
    { content: 'a' },
  ],
  [
    'an empty reasoning field makes the message no fuller',
    'client-sends-empty',
    '',
    { content: 'a', reasoning: 'b' },
    { content: '', reasoning_content: '' },
  ],
  [
    'blanks alone can be sent as nothing',
    'client-sends-empty',
    '',
    { content: ' ' },
    { content: '' },
  ],
  [
    'what is sent where nothing is held is not an empty message',
    undefined,
    '',
    { content: '' },
    { content: 'x' },
  ],
  [
    'U+FFFD that the model wrote is no broken character',
    undefined,
    '',
    { content: '\uFFFD a' },
    { content: '\uFFFD b' },
  ],
  [
    'a character may break in the content',
    'client-breaks-character',
    '',
    { content: 'a', reasoning: 'b' },
    { content: '\uFFFD', reasoning_content: 'b' },
  ],
  [
    'whitespace trimmed from the reasoning',
    'client-trims-whitespace',
    '',
    { content: 'a', reasoning: ' b\n' },
    { content: 'a', reasoning_content: 'b' },
  ],
  [
    'whitespace added to both is not what the strategy sends either',
    'client-trims-whitespace',
    '',
    { content: 'a', reasoning: 'b' },
    { content: 'a ', reasoning_content: ' b' },
  ],
  [
    'other reasoning is no whitespace',
    undefined,
    '',
    { content: 'a ', reasoning: 'b' },
    { content: 'a', reasoning_content: 'c' },
  ],
])('%s', (_, cause, detail, meant, fields) => {
  const named = nameClientCause(meant, { fields, reasoningNames: NAMES });
  expect(named).toEqual(cause === undefined ? undefined : { cause, detail });
});
