import { describe, expect, test } from 'vitest';
import { deltaOf, openaiMessages, readChatChunk, readLogprobs } from './openai.ts';

describe('messages', () => {
  test('are sent field by field, the reasoning under the name that the server reads', () => {
    const call = { id: 'x', name: 'f', arguments: '{}' };
    const messages = [
      { role: 'user', content: 'Hi' },
      { role: 'assistant', content: '', reasoning: 'why', toolCalls: [call] },
      { role: 'tool', content: '7', toolCallId: 'x' },
    ] as const;
    expect(openaiMessages({ messages, tools: [], thinking: undefined }, 'reasoning')).toEqual([
      { role: 'user', content: 'Hi' },
      {
        role: 'assistant',
        content: '',
        reasoning: 'why',
        tool_calls: [{ id: 'x', type: 'function', function: { name: 'f', arguments: '{}' } }],
      },
      { role: 'tool', content: '7', tool_call_id: 'x' },
    ]);
  });

  test('end with the prefill, whose content is there even when it is empty', () => {
    const request = {
      messages: [],
      tools: [],
      thinking: undefined,
      prefill: { reasoning: 'why', content: '' },
    };
    expect(openaiMessages(request, 'reasoning_content')).toEqual([
      { role: 'assistant', content: '', reasoning_content: 'why' },
    ]);
  });
});

/** What a chunk adds to the view after three tokens. */
function read(delta: object): unknown {
  return deltaOf(readChatChunk({ choices: [{ delta }] })!, 3);
}

describe('a chat chunk', () => {
  test('is read from its first choice', () => {
    expect(readChatChunk({ choices: [] })).toBeUndefined();
    expect(readChatChunk({})).toBeUndefined();
    expect(
      readChatChunk({ choices: [{ delta: { content: 'a' }, finish_reason: 'stop' }] }),
    ).toEqual({
      reasoning: undefined,
      content: 'a',
      toolCalls: undefined,
      finish: 'stop',
      logprobs: [],
    });
  });

  test.each(['reasoning', 'reasoning_content'])('holds reasoning under the name %s', (name) => {
    expect(readChatChunk({ choices: [{ delta: { [name]: 'why' } }] })?.reasoning).toBe('why');
  });

  test('holds fragments of tool calls, each with the index of its call', () => {
    const tool_calls = [
      { function: { name: 'f' } },
      { index: 4, function: { arguments: '{' } },
      'broken',
    ];
    expect(readChatChunk({ choices: [{ delta: { tool_calls } }] })?.toolCalls).toEqual([
      { index: 0, name: 'f' },
      { index: 4, arguments: '{' },
    ]);
  });

  test('without a text adds nothing to the view', () => {
    expect(read({ role: 'assistant', content: null })).toBeUndefined();
    expect(read({ content: '', reasoning_content: '' })).toBeUndefined();
    expect(read({ content: 'a', reasoning_content: '' })).toEqual({ after: 3, content: 'a' });
  });
});

test('a log-probability without an id is of no use', () => {
  expect(readLogprobs([{ token: 'a', logprob: -1 }, null])).toEqual([]);
  expect(readLogprobs(null)).toEqual([]);
  expect(
    readLogprobs([
      {
        id: 3,
        logprob: -1,
        bytes: null,
        top_logprobs: [{ token: 'x' }, { id: 4, logprob: -2 }, { id: 5 }],
      },
    ]),
  ).toEqual([{ id: 3, bytes: new Uint8Array(), logprob: -1, top: [4, -2] }]);
});
