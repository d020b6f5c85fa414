/** An answer that is not streamed says what its stream says, put together. */
import fc from 'fast-check';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { Answer, ChatRequest, SamplingOptions } from '../../dialects/dialect.ts';
import { asArray, asObject, asString, type JsonObject } from '../../dialects/json.ts';
import { connect, dialectNamed } from '../../dialects/registry.ts';
import { EMPTY_VIEW, type View } from '../../seam/generation.ts';
import { viewOf } from '../../seam/view.ts';
import { startReference } from '../server.ts';
import { PERSONAS, personaNamed } from './catalogue.ts';

const { signal } = new AbortController();

/** The id-level servers have tests of their own. */
const NAMES = PERSONAS.map(({ name }) => name).filter(
  (name) => !/^(?:reference|llama|vllm)/.test(name),
);

const WEATHER = {
  name: 'get_weather',
  description: 'Get the current weather of a city.',
  parameters: { type: 'object', properties: { city: { type: 'string' } } },
};
const PROMPTS: readonly (readonly [string, ChatRequest['tools']])[] = [
  ['Write a Python function find_max over pairs with 4-space indents.', []],
  ['Repeat and reverse: 👩🏽‍💻🏳️‍🌈🇯🇵', []],
  ['Something that no script knows.', []],
  ['Use the tool: weather in Oslo, celsius?', [WEATHER]],
];

const asked = fc.record({
  prompt: fc.constantFrom(...PROMPTS),
  limit: fc.oneof(fc.integer({ min: 1, max: 60 }), fc.constant(500)),
  stop: fc.constantFrom(undefined, ['e'], ['</', ',']),
  prefill: fc.constantFrom(undefined, { content: 'It' }, { content: '```python\ndef' }),
  flags: fc.boolean(),
});

/** What a whole answer says, in one of the three shapes that there are. */
function readWhole(answer: JsonObject): { readonly view: View; readonly finish: unknown } {
  const choice = asObject(asArray(answer['choices'])[0]);
  if (choice !== undefined) {
    const message = asObject(choice['message']) ?? {};
    const parts = asArray(message['content']).map((part) => asObject(part) ?? {});
    return {
      view: {
        reasoning:
          asString(message['reasoning_content']) ??
          asString(message['reasoning']) ??
          parts.flatMap((part) => asArray(part['thinking']).map(textOf)).join(''),
        content:
          asString(message['content']) ??
          parts.map((part) => (part['type'] === 'text' ? textOf(part) : '')).join(''),
        toolCalls: asArray(message['tool_calls']).map((call) => {
          const { id, function: called } = asObject(call) ?? {};
          const { name, arguments: text } = asObject(called) ?? {};
          return { id: String(id), name: String(name), arguments: String(text) };
        }),
      },
      finish: choice['finish_reason'],
    };
  }
  const message = asObject(answer['message']);
  if (message !== undefined)
    return {
      view: {
        reasoning: asString(message['thinking']) ?? '',
        content: asString(message['content']) ?? '',
        toolCalls: asArray(message['tool_calls']).map((call) => {
          const called = asObject(asObject(call)?.['function']);
          return {
            id: '',
            name: String(called?.['name']),
            arguments: JSON.stringify(called?.['arguments']),
          };
        }),
      },
      finish: answer['done_reason'],
    };
  const blocks = asArray(answer['content']).map((block) => asObject(block) ?? {});
  const joined = (type: string, field: string): string =>
    blocks.map((block) => (block['type'] === type ? String(block[field]) : '')).join('');
  return {
    view: {
      ...EMPTY_VIEW,
      reasoning: joined('thinking', 'thinking'),
      content: joined('text', 'text'),
      toolCalls: blocks
        .filter((block) => block['type'] === 'tool_use')
        .map((block) => ({
          id: String(block['id']),
          name: String(block['name']),
          arguments: JSON.stringify(block['input']),
        })),
    },
    finish: answer['stop_reason'],
  };
}

function textOf(part: unknown): string {
  return asString(asObject(part)?.['text']) ?? '';
}

/** Arguments that are no whole JSON are an empty object where arguments are objects. */
function comparable({ reasoning, content, toolCalls }: View): unknown {
  const calls = toolCalls.map((call) => {
    let value: unknown = call?.arguments ?? '';
    try {
      value = JSON.parse(String(value));
    } catch {
      // A text stays a text.
    }
    return { name: call?.name, value };
  });
  return { reasoning, content, calls };
}

const FINISH: Readonly<Record<string, string>> = {
  end_turn: 'stop',
  stop_sequence: 'stop',
  max_tokens: 'length',
  tool_use: 'tool_calls',
};

/** The same request once more, not streamed. */
async function again({ request }: Answer): Promise<JsonObject> {
  const { stream_options: _, ...body } = asObject(request.body) ?? {};
  const reply = await fetch(request.url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'anthropic-version': '2023-06-01' },
    body: JSON.stringify({ ...body, stream: false }),
  });
  expect(reply.status).toBe(200);
  expect(reply.headers.get('content-type')).toContain('application/json');
  return asObject(await reply.json()) ?? {};
}

describe.each(NAMES)('%s', (name) => {
  test('both ways give the same message', async () => {
    const persona = await personaNamed(name);
    const server = await startReference({ persona });
    const dialect = dialectNamed(persona.dialect);
    const target = await connect(dialect, { url: server.url, model: modelOf(name) }, signal);
    onTestFinished(async () => {
      await target.close();
      await server.close();
    });
    let compared = 0;
    await fc.assert(
      fc.asyncProperty(asked, async ({ prompt: [content, tools], limit, stop, prefill, flags }) => {
        const request: ChatRequest = {
          messages: [{ role: 'user', content }],
          tools,
          thinking: undefined,
          ...(prefill === undefined ? {} : { prefill, flags }),
        };
        const sampling: SamplingOptions = {
          maxTokens: limit,
          top: 1,
          cache: 'warm',
          ...(stop === undefined ? {} : { stop }),
        };
        const streamed = await target.chat(request, sampling, { signal }).catch(() => undefined);
        if (streamed === undefined) return;
        compared++;
        expect(streamed.end.kind).toBe('done');
        const { view, finish } = readWhole(await again(streamed));
        expect(comparable(view)).toEqual(comparable(viewOf(streamed.deltas)));
        const said = FINISH[String(finish)] ?? String(finish);
        // Ollama says of a call only that it stopped.
        expect(streamed.finish === 'tool_calls' && said === 'stop' ? 'tool_calls' : said).toBe(
          streamed.finish,
        );
      }),
      { numRuns: 12, examples: [[TOOL_CALL], [PROSE]] },
    );
    expect(compared).toBeGreaterThanOrEqual(2);
  });
});

/** In every run: a whole tool call, and a whole text. */
const TOOL_CALL = {
  prompt: PROMPTS[3] as (typeof PROMPTS)[number],
  limit: 500,
  stop: undefined,
  prefill: undefined,
  flags: false,
};
const PROSE = { ...TOOL_CALL, prompt: PROMPTS[0] as (typeof PROMPTS)[number] };

/** The model of a hosted service is named; others serve one. */
function modelOf(name: string): string {
  return name === 'openrouter' ? 'qwen/qwen3-32b' : 'thinker';
}
