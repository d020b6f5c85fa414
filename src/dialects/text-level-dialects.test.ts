import type { IncomingMessage, ServerResponse } from 'node:http';
import { expect, onTestFinished, test, describe } from 'vitest';
import { serve, textOf } from '../wire/loopback.test-help.ts';
import { viewOf } from '../seam/view.ts';
import type { Answer, ChatRequest, ConnectOptions, Target } from './dialect.ts';
import { connect, dialectNamed } from './registry.ts';
import { vendorKey } from './text-level-connect.ts';

const { signal } = new AbortController();
const KEY = 'sk-planted-0123456789';
const sampling = { maxTokens: 24, top: 2, cache: 'cold', stop: ['END'] } as const;

/** What a server was sent. */
interface Received {
  readonly path: string;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: Record<string, unknown>;
}

/** A target on a server that answers every chat with this body, and what it is sent. */
async function target(
  dialect: string,
  body: string,
  options: Partial<ConnectOptions> & { readonly status?: number; readonly prefix?: string } = {},
): Promise<{ target: Target; received: Received[] }> {
  const received: Received[] = [];
  const { url } = await serve((request, response) => {
    void answer(request, response);
  });
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const text = await textOf(request);
    received.push({
      path: request.url ?? '',
      headers: request.headers,
      body: text === '' ? {} : (JSON.parse(text) as Record<string, unknown>),
    });
    if (request.method === 'GET') {
      response.end('{"data":[]}');
      return;
    }
    const type = body.startsWith('{') ? 'application/x-ndjson' : 'text/event-stream';
    response.writeHead(options.status ?? 200, { 'content-type': type });
    response.end(body);
  };
  const { status: _, prefix = '', ...more } = options;
  const connected = await connect(
    dialectNamed(dialect),
    { url: url + prefix, model: 'm', ...more },
    signal,
  );
  onTestFinished(() => connected.close());
  return { target: connected, received };
}

const sse = (...events: readonly (object | string)[]): string =>
  events
    .map((event) => `data: ${typeof event === 'string' ? event : JSON.stringify(event)}\n\n`)
    .join('');
interface Named {
  readonly type: string;
  readonly [field: string]: unknown;
}
const named = (...events: readonly Named[]): string =>
  events.map((event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`).join('');
const lines = (...values: readonly object[]): string =>
  values.map((value) => `${JSON.stringify(value)}\n`).join('');
const chunk = (delta: object, more: object = {}): object => ({
  choices: [{ index: 0, delta, finish_reason: null, ...more }],
});

const CALL = { id: 'c1', name: 'f', arguments: '{"a":1}' };
const TOOLS = [{ name: 'f', description: 'does f', parameters: { type: 'object' } }];
const ASKED: ChatRequest = {
  messages: [
    { role: 'system', content: 'Be brief.' },
    { role: 'user', content: 'Hi' },
    { role: 'assistant', content: '', toolCalls: [CALL] },
    { role: 'tool', content: '7', toolCallId: 'c1' },
  ],
  tools: TOOLS,
  thinking: true,
};
const RESUME: ChatRequest = {
  ...ASKED,
  prefill: { content: 'It', reasoning: 'Hm.' },
  flags: true,
};
const OPENAI_CALL = {
  role: 'assistant',
  content: '',
  tool_calls: [{ id: 'c1', type: 'function', function: { name: 'f', arguments: '{"a":1}' } }],
};
const OPENAI_TURNS = [
  { role: 'system', content: 'Be brief.' },
  { role: 'user', content: 'Hi' },
  OPENAI_CALL,
  { role: 'tool', content: '7', tool_call_id: 'c1' },
];
const DONE = sse(chunk({ content: 'x' }, { finish_reason: 'stop' }), '[DONE]');

describe('what is sent', () => {
  test.each([
    [
      'deepseek',
      '/beta/chat/completions',
      { reasoning_content: 'Hm.', prefix: true },
      { thinking: { type: 'enabled' } },
    ],
    [
      'kimi',
      '/v1/chat/completions',
      { reasoning_content: 'Hm.', partial: true },
      { thinking: { type: 'enabled' } },
    ],
    [
      'openrouter',
      '/v1/chat/completions',
      { reasoning: 'Hm.' },
      { reasoning: { enabled: true }, provider: { allow_fallbacks: false } },
    ],
    ['lmstudio', '/v1/chat/completions', { reasoning_content: 'Hm.' }, {}],
    ['ollama-openai', '/v1/chat/completions', { reasoning: 'Hm.' }, { reasoning_effort: 'high' }],
    [
      'openai-compatible',
      '/v1/chat/completions',
      { reasoning_content: 'Hm.' },
      {
        continue_final_message: true,
        add_generation_prompt: false,
        chat_template_kwargs: { enable_thinking: true },
      },
    ],
  ])('%s resumes at %s', async (dialect, path, fields, more) => {
    const { target: at, received } = await target(dialect, DONE);
    await at.chat(RESUME, sampling, { signal });
    const last = received.at(-1);
    expect(last?.path).toBe(path);
    expect(last?.body).toMatchObject({
      model: 'm',
      messages: [...OPENAI_TURNS, { role: 'assistant', content: 'It', ...fields }],
      max_tokens: 24,
      temperature: 0,
      stop: ['END'],
      stream: true,
      stream_options: { include_usage: true },
      tools: [{ type: 'function', function: TOOLS[0] }],
      ...more,
    });
    const messages = last?.body['messages'] as readonly object[];
    expect(messages.at(-1)).toEqual({ role: 'assistant', content: 'It', ...fields });
  });

  test('mistral: thinking inside the content, the marker, and no field that it does not know', async () => {
    const { target: at, received } = await target('mistral', DONE);
    await at.chat(RESUME, sampling, { signal });
    expect(received[0]?.body).toEqual({
      model: 'm',
      messages: [
        ...OPENAI_TURNS,
        {
          role: 'assistant',
          content: [
            { type: 'thinking', thinking: [{ type: 'text', text: 'Hm.' }], closed: true },
            { type: 'text', text: 'It' },
          ],
          prefix: true,
        },
      ],
      tools: [{ type: 'function', function: TOOLS[0] }],
      temperature: 0,
      max_tokens: 24,
      stop: ['END'],
      stream: true,
    });
  });

  test('without flags there is no marker, and DeepSeek is asked at its usual path', async () => {
    for (const dialect of ['deepseek', 'kimi', 'mistral']) {
      const { target: at, received } = await target(dialect, DONE, {
        prefix: dialect === 'deepseek' ? '/beta' : '',
      });
      await at.chat({ ...RESUME, flags: false }, sampling, { signal });
      expect(received[0]?.path.replace('/v1', '')).toBe('/chat/completions');
      expect(JSON.stringify(received[0]?.body)).not.toMatch(/"(?:prefix|partial)"/);
    }
  });

  test('anthropic: system apart, blocks, the limit that thinking needs, version and key', async () => {
    const end = named(
      { type: 'message_start' },
      { type: 'message_delta', delta: { stop_reason: 'end_turn' } },
      { type: 'message_stop' },
    );
    const { target: at, received } = await target('anthropic', end, { apiKey: KEY });
    await at.chat(RESUME, sampling, { signal });
    expect(received[0]).toMatchObject({
      path: '/v1/messages',
      headers: { 'x-api-key': KEY, 'anthropic-version': '2023-06-01' },
    });
    expect(received[0]?.headers['authorization']).toBeUndefined();
    expect(received[0]?.body).toEqual({
      model: 'm',
      max_tokens: 1025,
      thinking: { type: 'enabled', budget_tokens: 1024 },
      system: 'Be brief.',
      messages: [
        { role: 'user', content: 'Hi' },
        {
          role: 'assistant',
          content: [{ type: 'tool_use', id: 'c1', name: 'f', input: { a: 1 } }],
        },
        { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'c1', content: '7' }] },
        {
          role: 'assistant',
          content: [
            { type: 'thinking', thinking: 'Hm.', signature: '' },
            { type: 'text', text: 'It' },
          ],
        },
      ],
      tools: [{ name: 'f', description: 'does f', input_schema: { type: 'object' } }],
      stop_sequences: ['END'],
      stream: true,
    });
    expect(at.tokensAtMost?.(RESUME, sampling)).toBe(1025);
    expect(at.tokensAtMost?.({ ...RESUME, thinking: undefined }, sampling)).toBe(24);
  });

  test('ollama: its own fields, and arguments as objects', async () => {
    const { target: at, received } = await target(
      'ollama',
      lines({ done: true, done_reason: 'stop' }),
    );
    await at.chat(RESUME, sampling, { signal });
    expect(received.at(-1)).toMatchObject({
      path: '/api/chat',
      body: {
        model: 'm',
        think: true,
        options: { temperature: 0, num_predict: 24, stop: ['END'] },
        messages: [
          { role: 'system', content: 'Be brief.' },
          { role: 'user', content: 'Hi' },
          {
            role: 'assistant',
            content: '',
            tool_calls: [{ function: { name: 'f', arguments: { a: 1 } } }],
          },
          { role: 'tool', content: '7', tool_call_id: 'c1' },
          { role: 'assistant', content: 'It', thinking: 'Hm.' },
        ],
      },
    });
  });
});

/** The body that is sent for a request. */
async function sent(dialect: string, request: ChatRequest): Promise<Record<string, unknown>> {
  const reply = dialect === 'ollama' ? lines({ done: true, done_reason: 'stop' }) : DONE;
  const { target: at, received } = await target(dialect, reply);
  await at.chat(request, sampling, { signal });
  return received.at(-1)?.body ?? {};
}

test.each([
  ['an older version answers with a token', lines({ done: true, message: { content: 'x' } })],
  ['a gateway streams whatever is asked', lines({ done: false }, { done: true })],
  ['a prompt without what was asked', lines({ _debug_info: { rendered_template: '' } })],
])('ollama: %s, and prompts are counted', async (_, reply) => {
  const { target: at, received } = await target('ollama', reply);
  expect(received.at(-1)?.body).toMatchObject({
    _debug_render_only: true,
    stream: false,
    options: { num_predict: 1 },
  });
  expect(at.identity.strength?.oracle).toBe('prompt-count');
});

describe('what constrains an answer', () => {
  const SCHEMA = { type: 'object', properties: { a: { type: 'integer' } }, required: ['a'] };
  const CONSTRAINED: ChatRequest = {
    ...ASKED,
    thinking: undefined,
    toolChoice: 'required',
    responseFormat: { name: 'answer', schema: SCHEMA },
  };
  const OPENAI = {
    tool_choice: 'required',
    response_format: {
      type: 'json_schema',
      json_schema: { name: 'answer', schema: SCHEMA, strict: true },
    },
  };

  test.each([
    ['deepseek', OPENAI],
    ['kimi', OPENAI],
    ['mistral', OPENAI],
    ['lmstudio', OPENAI],
    ['mistral.rs', OPENAI],
    ['ovms', OPENAI],
    ['openai-compatible', OPENAI],
    // A provider that does not know a field would leave it out.
    ['openrouter', { ...OPENAI, provider: { allow_fallbacks: false, require_parameters: true } }],
    ['tgi', { tool_choice: 'required', response_format: { type: 'json_object', value: SCHEMA } }],
    [
      'anthropic',
      {
        tool_choice: { type: 'any' },
        output_config: { format: { type: 'json_schema', schema: SCHEMA } },
      },
    ],
  ])('%s is sent it in its own words', async (dialect, fields) => {
    expect(await sent(dialect, CONSTRAINED)).toMatchObject(fields);
    const { toolChoice: _t, responseFormat: _r, ...free } = CONSTRAINED;
    const body = await sent(dialect, free);
    for (const field of Object.keys(fields).filter((name) => name !== 'provider'))
      expect(body).not.toHaveProperty(field);
  });

  test.each(['auto', 'none'] as const)(
    'anthropic knows %s by the same word',
    async (toolChoice) => {
      expect(await sent('anthropic', { ...ASKED, toolChoice })).toMatchObject({
        tool_choice: { type: toolChoice },
      });
    },
  );

  test('ollama: the schema is the format', async () => {
    const { toolChoice: _, ...request } = CONSTRAINED;
    expect(await sent('ollama', request)).toMatchObject({ format: SCHEMA });
    expect(await sent('ollama-openai', request)).toMatchObject({
      response_format: OPENAI.response_format,
    });
  });

  test.each([
    ['ollama', { ...ASKED, toolChoice: 'required' }, 'toolChoice: required'],
    ['ollama', { ...ASKED, toolChoice: 'none' }, 'toolChoice: none'],
    ['ollama-openai', { ...ASKED, toolChoice: 'none' }, 'toolChoice: none'],
    ['transformers', { ...ASKED, toolChoice: 'required' }, 'toolChoice: required'],
    ['transformers', { ...ASKED, responseFormat: CONSTRAINED.responseFormat }, 'JSON schema'],
  ] as [string, ChatRequest, string][])(
    '%s is not asked for what it would ignore',
    async (dialect, request, what) => {
      const { target: at, received } = await target(dialect, DONE);
      await expect(at.chat(request, sampling, { signal })).rejects.toMatchObject({
        code: 'target',
        message: expect.stringContaining(what) as string,
      });
      expect(received.filter(({ body }) => body['stream'] === true)).toEqual([]);
    },
  );

  test.each(['ollama', 'ollama-openai', 'transformers'])(
    '%s: what the server decides anyway is not sent',
    async (dialect) => {
      const body = await sent(dialect, { ...ASKED, toolChoice: 'auto' });
      expect(body).not.toHaveProperty('tool_choice');
    },
  );
});

/** A token of a log-probability list. */
function entry(token: string, bytes: number[] | null = null): object {
  return {
    token,
    logprob: -0.1,
    bytes,
    top_logprobs: [
      { token, logprob: -0.1, bytes },
      { token: 'or', logprob: -2, bytes: null },
    ],
  };
}

/** What a client has after a stream. */
async function read(dialect: string, body: string): Promise<Answer> {
  const { target: at } = await target(dialect, body);
  return await at.chat({ ...ASKED, tools: [] }, sampling, { signal });
}

describe('what is read', () => {
  test('anthropic: blocks of all kinds, usage, and its own end', async () => {
    const answer = await read(
      'anthropic',
      named(
        {
          type: 'message_start',
          message: { usage: { input_tokens: 10, cache_read_input_tokens: 5, output_tokens: 1 } },
        },
        {
          type: 'content_block_start',
          index: 0,
          content_block: { type: 'thinking', thinking: '' },
        },
        { type: 'ping' },
        {
          type: 'content_block_delta',
          index: 0,
          delta: { type: 'thinking_delta', thinking: 'Hm.' },
        },
        {
          type: 'content_block_delta',
          index: 0,
          delta: { type: 'signature_delta', signature: 's' },
        },
        { type: 'content_block_stop', index: 0 },
        { type: 'content_block_start', index: 1, content_block: { type: 'text', text: '' } },
        {
          type: 'content_block_delta',
          index: 1,
          delta: { type: 'text_delta', text: 'It is' },
        },
        { type: 'content_block_stop', index: 1 },
        {
          type: 'content_block_start',
          index: 2,
          content_block: { type: 'tool_use', id: 't', name: 'f', input: {} },
        },
        {
          type: 'content_block_delta',
          index: 2,
          delta: { type: 'input_json_delta', partial_json: '{"a"' },
        },
        {
          type: 'content_block_delta',
          index: 2,
          delta: { type: 'input_json_delta', partial_json: ':1}' },
        },
        { type: 'content_block_stop', index: 2 },
        { type: 'a_new_event' },
        {
          type: 'message_delta',
          delta: { stop_reason: 'tool_use' },
          usage: { output_tokens: 20 },
        },
        { type: 'message_stop' },
      ),
    );
    expect(viewOf(answer.deltas)).toEqual({
      reasoning: 'Hm.',
      content: 'It is',
      toolCalls: [{ id: 't', name: 'f', arguments: '{"a":1}' }],
    });
    expect(answer).toMatchObject({
      end: { kind: 'done' },
      finish: 'tool_calls',
      usage: { promptTokens: 15, cachedTokens: 5, generatedTokens: 20 },
    });
  });

  test('anthropic: an error inside a stream, and a stream without its end', async () => {
    const start = {
      type: 'content_block_delta',
      index: 0,
      delta: { type: 'text_delta', text: 'a' },
    };
    const overloaded = {
      type: 'error',
      error: { type: 'overloaded_error', message: 'Overloaded' },
    };
    expect((await read('anthropic', named(start, overloaded))).end).toMatchObject({
      kind: 'error-event',
      message: 'Overloaded',
    });
    expect(await read('anthropic', named(start))).toMatchObject({
      end: { kind: 'closed' },
      finish: undefined,
    });
  });

  test('deepseek: log-probabilities by text, those of the thinking too', async () => {
    const answer = await read(
      'deepseek',
      sse(
        chunk(
          { reasoning_content: 'Hm.' },
          { logprobs: { content: null, reasoning_content: [entry('H'), entry('m.')] } },
        ),
        chunk(
          { content: 'é' },
          { logprobs: { content: [entry('\\xc3', [195]), entry('\\xa9', [169])] } },
        ),
        {
          choices: [],
          usage: { prompt_tokens: 9, completion_tokens: 5, prompt_cache_hit_tokens: 4 },
        },
        '[DONE]',
      ),
    );
    expect(answer.tokens.map(({ bytes }) => [...bytes])).toEqual([[72], [109, 46], [195], [169]]);
    expect(answer.tokens[1]).toMatchObject({
      place: 2,
      logprob: -0.1,
      top: [answer.tokens[1]?.id, -0.1, expect.any(Number), -2],
    });
    expect(viewOf(answer.deltas)).toMatchObject({ reasoning: 'Hm.', content: 'é' });
    expect(answer.usage).toEqual({ promptTokens: 9, cachedTokens: 4, generatedTokens: 5 });
  });

  test('mistral: content in a list', async () => {
    const thinking = [{ type: 'thinking', thinking: [{ type: 'text', text: 'Hm.' }] }];
    const answer = await read(
      'mistral',
      sse(
        chunk({ content: thinking }),
        chunk({ content: [{ type: 'text', text: 'It' }] }),
        {
          ...chunk({ content: ' is' }, { finish_reason: 'model_length' }),
          usage: { prompt_tokens: 3, completion_tokens: 4 },
        },
        '[DONE]',
      ),
    );
    expect(viewOf(answer.deltas)).toMatchObject({ reasoning: 'Hm.', content: 'It is' });
    expect(answer).toMatchObject({ finish: 'length', usage: { promptTokens: 3 } });
  });

  test('openrouter: comments are nothing, an error event is one', async () => {
    const body = `: OPENROUTER PROCESSING\n\n${sse(chunk({ reasoning: 'Hm.' }), {
      error: { code: 502, message: 'Provider disconnected' },
      ...chunk({ content: '' }, { finish_reason: 'error' }),
    })}`;
    const answer = await read('openrouter', body);
    expect(viewOf(answer.deltas).reasoning).toBe('Hm.');
    expect(answer.end).toMatchObject({ kind: 'error-event', message: 'Provider disconnected' });
  });

  test('ollama: lines, a whole tool call, and counts', async () => {
    const answer = await read(
      'ollama',
      lines(
        { message: { role: 'assistant', content: '', thinking: 'Hm.' }, done: false },
        {
          message: { content: 'It' },
          done: false,
          logprobs: [{ token: 'It', logprob: -0.2, bytes: [73, 116] }],
        },
        {
          message: {
            content: '',
            tool_calls: [{ id: 't', function: { name: 'f', arguments: { a: 1 } } }],
          },
          done: false,
        },
        {
          message: { content: '' },
          done: true,
          done_reason: 'stop',
          prompt_eval_count: 7,
          eval_count: 12,
        },
      ),
    );
    expect(viewOf(answer.deltas)).toEqual({
      reasoning: 'Hm.',
      content: 'It',
      toolCalls: [{ id: 't', name: 'f', arguments: '{"a":1}' }],
    });
    expect(answer).toMatchObject({
      end: { kind: 'done' },
      finish: 'tool_calls',
      usage: { promptTokens: 7, generatedTokens: 12 },
    });
    expect(answer.tokens[1]?.logprob).toBe(-0.2);
  });

  test('something that is no event', async () => {
    const { end } = await read('kimi', sse('[1]'));
    expect(end).toMatchObject({ kind: 'garbled' });
  });
});

describe('keys', () => {
  const SERVICE = { domains: ['api.example.com'], keyVariable: 'EXAMPLE_KEY' };
  test.each([
    ['https://api.example.com', KEY],
    ['https://api.example.com/v1', KEY],
    ['https://eu.api.example.com', KEY],
    ['http://api.example.com', undefined],
    ['https://api.example.com.evil.org', undefined],
    ['https://evilapi.example.com', undefined],
    ['https://api.example.com@evil.org', undefined],
    ['http://127.0.0.1:8080', undefined],
  ])('the vendor’s own variable at %s: %s', (url, key) => {
    expect(vendorKey(SERVICE, url, { EXAMPLE_KEY: KEY })).toBe(key);
    expect(vendorKey(SERVICE, url, { EXAMPLE_KEY: '' })).toBeUndefined();
    expect(vendorKey(undefined, url, { EXAMPLE_KEY: KEY })).toBeUndefined();
  });

  test.each(['anthropic', 'openai-compatible', 'deepseek'])(
    '%s: a key is sent and is in nothing that comes back, also where the server repeats it',
    async (dialect) => {
      const echo = JSON.stringify({ error: { message: `Incorrect API key provided: ${KEY}` } });
      const { target: at, received } = await target(dialect, echo, { apiKey: KEY, status: 401 });
      const failure: unknown = await at
        .chat(RESUME, sampling, { signal })
        .catch((error: unknown) => error);
      expect(JSON.stringify(received.at(-1)?.headers)).toContain(KEY);
      const seen = JSON.stringify([
        failure,
        String(failure),
        at.identity,
        (failure as Partial<Answer>).capture,
      ]);
      expect(seen).not.toContain(KEY);
      expect(seen).toContain('[redacted]');
    },
  );
});

describe('a hosted service', () => {
  test('wants its model named', async () => {
    await expect(
      connect(dialectNamed('kimi'), { url: 'https://api.moonshot.ai' }, signal),
    ).rejects.toMatchObject({ code: 'usage', hint: expect.stringContaining('--model') as string });
  });

  test.each([
    ['https://api.anthropic.com', 'anthropic'],
    ['https://api.deepseek.com/beta', 'deepseek'],
    ['https://api.mistral.ai/v1', 'mistral'],
    ['https://api.moonshot.cn/v1', 'kimi'],
    ['https://openrouter.ai/api/v1', 'openrouter'],
  ])('at %s is recognised without a request', async (url, dialect) => {
    const at = await connect(undefined, { url, model: 'm' }, signal);
    expect(at.identity).toMatchObject({
      dialect,
      model: 'm',
      strength: { ids: 'none', oracle: 'prompt-count' },
    });
    expect(at.spending.requests).toBe(0);
    await at.close();
  });
});

test('what a text-level target cannot do it says', async () => {
  const { target: at } = await target('kimi', DONE);
  await expect(at.render(ASKED, signal)).rejects.toMatchObject({ code: 'target' });
  await expect(at.complete([1], sampling, signal)).rejects.toMatchObject({ code: 'target' });
  await expect(at.encode('x', signal)).rejects.toMatchObject({ code: 'target' });
});
