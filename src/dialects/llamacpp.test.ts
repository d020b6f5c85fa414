import type { IncomingMessage } from 'node:http';
import { describe, expect, test } from 'vitest';
import { viewOf } from '../seam/view.ts';
import { Refusal } from '../wire/refusal.ts';
import { serve, textOf } from '../wire/loopback.test-help.ts';
import type {
  Answer,
  ChatRequest,
  Completion,
  ConnectOptions,
  ReadOptions,
  Target,
} from './dialect.ts';
import { llamacpp } from './llamacpp.ts';

const { signal } = new AbortController();

/** One request as the server got it. */
interface Got {
  readonly path: string;
  readonly body: unknown;
  readonly authorization: string | undefined;
}

type Reply =
  | { readonly status?: number; readonly json: unknown }
  | { readonly events: readonly string[] };

/** What a llama.cpp server answers to the first requests. */
const READY: Readonly<Record<string, Reply>> = {
  '/props': { json: { chat_template: '{{ messages }}', build_info: 'b11549-abc', total_slots: 1 } },
  '/v1/models': {
    json: { data: [{ id: '/home/someone/models/thinker.gguf', aliases: ['thinker'] }] },
  },
  '/tokenize': { json: { tokens: [1, 2, 3] } },
};

interface Server {
  readonly url: string;
  readonly got: Got[];
  readonly sockets: ReadonlySet<unknown>;
}

/** A server that answers each path in one way. */
async function serverOf(replies: Readonly<Record<string, Reply>>): Promise<Server> {
  const got: Got[] = [];
  const sockets = new Set<unknown>();
  const { url } = await serve((request: IncomingMessage, response) => {
    sockets.add(request.socket);
    void (async () => {
      const path = request.url ?? '';
      const text = await textOf(request);
      got.push({
        path,
        body: text === '' ? undefined : JSON.parse(text),
        authorization: request.headers.authorization,
      });
      const reply = replies[path] ?? {
        status: 404,
        json: { error: { message: 'File Not Found' } },
      };
      if ('events' in reply) {
        response.writeHead(200, { 'content-type': 'text/event-stream' });
        response.end(reply.events.map((event) => `data: ${event}\n\n`).join(''));
      } else {
        response.writeHead(reply.status ?? 200, { 'content-type': 'application/json' });
        response.end(JSON.stringify(reply.json));
      }
    })();
  });
  return { url, got, sockets };
}

async function connect(
  replies: Readonly<Record<string, Reply>> = {},
  options: Partial<ConnectOptions> = {},
): Promise<{ target: Target } & Pick<Server, 'got' | 'sockets'>> {
  const { url, got, sockets } = await serverOf({ ...READY, ...replies });
  const target = await llamacpp.connect({ url, ...options }, signal);
  got.length = 0;
  return { target, got, sockets };
}

test('no more connections are opened than the server has threads for', async () => {
  const template = { '/apply-template': { json: { prompt: 'Hi' } } };
  const { target, sockets } = await connect(template, { connections: 16 });
  const messages = Array.from({ length: 32 }, (_, i) => [
    { role: 'user', content: String(i) } as const,
  ]);
  const tools: ChatRequest['tools'] = [];
  await Promise.all(
    messages.map((one) => target.render({ messages: one, tools, thinking: undefined }, signal)),
  );
  expect(sockets.size).toBe(3);
});

const REQUEST: ChatRequest = {
  messages: [{ role: 'user', content: 'Hi' }],
  tools: [],
  thinking: undefined,
};
const COLD = { maxTokens: 16, top: 5, cache: 'cold' } as const;

describe('first acquaintance', () => {
  test('the server says what it is, and no path of its machine is kept', async () => {
    const { target } = await connect();
    expect(target.identity).toMatchObject({
      dialect: 'llama.cpp',
      model: 'thinker.gguf',
      engine: { name: 'llama.cpp', build: 'b11549-abc' },
      hops: [],
    });
    expect(target.identity.chatTemplateSha256).toMatch(/^[0-9a-f]{64}$/);
    expect(target.identity.tokenizerSha256).toMatch(/^[0-9a-f]{64}$/);
    expect(target.chatTemplate).toBe('{{ messages }}');
    expect(JSON.stringify(target.identity)).not.toContain('someone');
  });

  test.each(['thinker', 'thinker.gguf', '/home/someone/models/thinker.gguf'])(
    'it serves %s',
    async (model) => {
      expect((await connect({}, { model })).target.identity.model).toContain('thinker');
    },
  );

  test.each([
    ['a key is wanted', '/props', 401, /refuses us: HTTP 401: no key/, /SEAMSTRESS_API_KEY/],
    ['a key is wrong', '/v1/models', 403, /refuses us: HTTP 403/, /SEAMSTRESS_API_KEY/],
    [
      'it is another server',
      '/props',
      404,
      /has no \/props \(HTTP 404\)/,
      /root URL of a llama\.cpp server/,
    ],
    ['it does not tokenize', '/tokenize', 404, /has no \/tokenize/, /tokenizer endpoint/],
    ['it does not tokenize now', '/tokenize', 501, /has no \/tokenize/, /tokenizer endpoint/],
    ['it is loading', '/props', 503, /answered HTTP 503: no key/, /ready/],
  ])('%s', async (_, path, status, message, hint) => {
    const refused = { [path]: { status, json: { error: { message: 'no key' } } } };
    await expect(connect(refused)).rejects.toMatchObject({
      code: 'target',
      message: expect.stringMatching(message) as string,
      hint: expect.stringMatching(hint) as string,
    });
  });

  test('a model that is not served is named, with those that are', async () => {
    await expect(connect({}, { model: 'other' })).rejects.toMatchObject({
      code: 'target',
      message: expect.stringMatching(/does not serve the model "other"/) as string,
      hint: 'It serves: thinker.gguf, thinker.',
    });
  });

  test.each([
    ['no template', '/props', { build_info: 'b1' }, /no chat_template/],
    ['no ids', '/tokenize', { tokens: ['a'] }, /without a list of token ids/],
  ])('an answer of another kind is told: %s', async (_, path, json, message) => {
    await expect(connect({ [path]: { json } })).rejects.toMatchObject({
      code: 'target',
      message: expect.stringMatching(message) as string,
    });
  });

  test('the key is sent with each request and recorded with none', async () => {
    const { url, got } = await serverOf({
      ...READY,
      '/v1/chat/completions': { events: ['[DONE]'] },
    });
    const target = await llamacpp.connect({ url, apiKey: 'sk-secret' }, signal);
    const answer = await target.chat(REQUEST, COLD, { signal });
    expect(new Set(got.map(({ authorization }) => authorization))).toEqual(
      new Set(['Bearer sk-secret']),
    );
    expect(JSON.stringify([answer.request, target.identity])).not.toContain('sk-secret');
    expect(target.spending.requests).toBe(got.length);
  });
});

/** A chunk of a chat stream as llama.cpp sends it. */
function chunk(
  delta: object,
  more: { n?: number; ids?: readonly number[]; finish?: string } = {},
): string {
  const content = more.ids?.map((id) => ({
    id,
    token: 'x',
    bytes: [120],
    logprob: -0.5,
    top_logprobs: [{ id, token: 'x', bytes: [120], logprob: -0.5 }],
  }));
  return JSON.stringify({
    choices: [
      {
        finish_reason: more.finish ?? null,
        index: 0,
        delta,
        ...(content && { logprobs: { content } }),
      },
    ],
    created: 1,
    id: 'chatcmpl-1',
    model: 'thinker',
    object: 'chat.completion.chunk',
    ...(more.n === undefined ? {} : { timings: { cache_n: 0, prompt_n: 9, predicted_n: more.n } }),
  });
}

const USAGE = JSON.stringify({
  choices: [],
  usage: { completion_tokens: 6, prompt_tokens: 9, total_tokens: 15 },
  timings: { cache_n: 4, prompt_n: 5, predicted_n: 6 },
});

/** `<think>` rides on the role chunk; the line break after it, `</think>` and what follows are hidden. */
const STREAM = [
  chunk({ role: 'assistant', content: null }, { n: 1, ids: [50] }),
  chunk({ reasoning_content: 'Two' }, { n: 3, ids: [52] }),
  chunk({ content: 'It' }, { n: 5, ids: [55] }),
  chunk({}, { finish: 'stop' }),
  USAGE,
  '[DONE]',
];

async function chat(events: readonly string[], read: Partial<ReadOptions> = {}): Promise<Answer> {
  const { target } = await connect({ '/v1/chat/completions': { events } });
  return await target.chat(REQUEST, COLD, { signal, ...read });
}

/** A fragment of a tool call. */
function call(fn: object, id?: string): object {
  const named = id === undefined ? {} : { id, type: 'function' };
  return { tool_calls: [{ index: 0, ...named, function: fn }] };
}

describe('a chat stream', () => {
  test('tells each text with the number of tokens behind it, and each token with its place', async () => {
    const answer = await chat(STREAM);
    expect(answer.deltas).toEqual([
      { after: 3, reasoning: 'Two' },
      { after: 5, content: 'It' },
    ]);
    expect(answer.tokens.map(({ id, place }) => [id, place])).toEqual([
      [50, 1],
      [52, 3],
      [55, 5],
    ]);
    expect(answer.tokens[0]).toMatchObject({ logprob: -0.5, top: [50, -0.5] });
    expect(answer).toMatchObject({
      generated: 6,
      finish: 'stop',
      end: { kind: 'done' },
      usage: { promptTokens: 9, cachedTokens: 4 },
    });
  });

  test('is kept byte for byte', async () => {
    const { capture } = await chat(STREAM);
    const text = Buffer.concat(capture.map(({ bytes }) => bytes)).toString();
    expect(text).toBe(STREAM.map((event) => `data: ${event}\n\n`).join(''));
  });

  test('of a tool call tells its fragments', async () => {
    const { deltas, finish } = await chat([
      chunk({ role: 'assistant', content: null }),
      chunk(call({ name: 'f', arguments: '' }, 'abc'), { n: 4 }),
      chunk(call({ arguments: '{"a":' }), { n: 5 }),
      chunk(call({ arguments: '1}' }), { n: 6 }),
      chunk({}, { n: 7, finish: 'tool_calls' }),
      '[DONE]',
    ]);
    expect(viewOf(deltas).toolCalls).toEqual([{ id: 'abc', name: 'f', arguments: '{"a":1}' }]);
    expect(deltas.map(({ after }) => after)).toEqual([4, 5, 6]);
    expect(finish).toBe('tool_calls');
  });

  test('whose one token brings two texts counts it for both: only the last of them tells the number', async () => {
    const { deltas } = await chat([
      chunk({ reasoning_content: 'Two' }, { n: 1, ids: [50] }),
      chunk({ reasoning_content: '.' }),
      chunk({ content: 'It' }, { n: 4, ids: [55] }),
      '[DONE]',
    ]);
    expect(deltas.map(({ after }) => after)).toEqual([1, 4, 4]);
  });

  test('is closed when enough was read', async () => {
    const answer = await chat(STREAM, { stopWhen: ({ generated }) => generated >= 3 });
    expect(answer.end.kind).toBe('aborted');
    expect(viewOf(answer.deltas)).toMatchObject({ reasoning: 'Two', content: '' });
  });

  test('that ends with an error says so', async () => {
    const error = JSON.stringify({
      error: { code: 500, message: 'Invalid diff', type: 'server_error' },
    });
    const answer = await chat([...STREAM.slice(0, 2), error]);
    expect(answer).toMatchObject({
      end: { kind: 'error-event', message: 'Invalid diff' },
      finish: undefined,
    });
    expect(answer.deltas).toHaveLength(1);
  });

  test.each(['{"choices":[', '"text"', '[]', 'null'])(
    'with an event that is no JSON object is garbled: %s',
    async (event) => {
      const answer = await chat([STREAM[0]!, event, ...STREAM.slice(1)]);
      expect(answer.end.kind).toBe('garbled');
      expect(answer.deltas).toEqual([]);
    },
  );

  test('that is refused keeps the server’s words', async () => {
    const json = { error: { code: 400, message: 'no prefill', type: 'invalid_request_error' } };
    const { target, got } = await connect({ '/v1/chat/completions': { status: 400, json } });
    const refused = target.chat(REQUEST, COLD, { signal });
    await expect(refused).rejects.toBeInstanceOf(Refusal);
    await expect(refused).rejects.toMatchObject({ status: 400, message: 'no prefill' });
    expect(got).toHaveLength(1);
  });
});

/** What a chat request looks like on the wire. */
async function bodyOf(
  request: ChatRequest,
  sampling: Parameters<Target['chat']>[1] = COLD,
): Promise<unknown> {
  const { target, got } = await connect({ '/v1/chat/completions': { events: ['[DONE]'] } });
  await target.chat(request, sampling, { signal });
  return got[0]?.body;
}

describe('what is sent', () => {
  const prefill = { reasoning: 'Two', content: 'It', toolCalls: [{ name: 'f', arguments: '{' }] };
  const CALL = { id: 'call_0', type: 'function', function: { name: 'f', arguments: '{' } };

  test('a greedy, cold request for every id that there is', async () => {
    expect(await bodyOf(REQUEST)).toEqual({
      messages: [{ role: 'user', content: 'Hi' }],
      temperature: 0,
      max_tokens: 16,
      stream: true,
      stream_options: { include_usage: true },
      timings_per_token: true,
      cache_prompt: false,
      logprobs: true,
      top_logprobs: 5,
    });
  });

  test('a prefill as a trailing assistant message, with the flags only when asked for', async () => {
    const messages = [
      { role: 'user', content: 'Hi' },
      { role: 'assistant', content: 'It', reasoning_content: 'Two', tool_calls: [CALL] },
    ];
    const plain = await bodyOf({ ...REQUEST, prefill, flags: false });
    expect(plain).toMatchObject({ messages });
    expect(plain).not.toHaveProperty('continue_final_message');
    expect(await bodyOf({ ...REQUEST, prefill, flags: true })).toMatchObject({
      messages,
      continue_final_message: true,
      add_generation_prompt: false,
    });
  });

  test('no log-probabilities with tools, which the server would refuse', async () => {
    const tools = [{ name: 'f', description: 'd', parameters: {} }];
    const body = await bodyOf({ ...REQUEST, tools, thinking: false });
    expect(body).toMatchObject({
      tools: [{ type: 'function', function: tools[0] }],
      chat_template_kwargs: { enable_thinking: false },
    });
    expect(body).not.toHaveProperty('logprobs');
    expect(body).not.toHaveProperty('top_logprobs');
  });

  test('stop strings and a warm cache', async () => {
    expect(await bodyOf(REQUEST, { ...COLD, cache: 'warm', stop: ['a'] })).toMatchObject({
      cache_prompt: true,
      stop: ['a'],
    });
  });
});

describe('the prompt', () => {
  test('is rendered and tokenized by the server', async () => {
    const { target, got } = await connect({ '/apply-template': { json: { prompt: 'P' } } });
    const rendered = await target.render(
      { ...REQUEST, prefill: { content: 'It' }, flags: true },
      signal,
    );
    expect(rendered).toMatchObject({ ids: [1, 2, 3], text: 'P', source: 'server' });
    expect(got.map(({ path, body }) => [path, body])).toEqual([
      [
        '/apply-template',
        {
          messages: [
            { role: 'user', content: 'Hi' },
            { role: 'assistant', content: 'It' },
          ],
          continue_final_message: true,
          add_generation_prompt: false,
        },
      ],
      ['/tokenize', { content: 'P', add_special: false, parse_special: true }],
    ]);
    expect(rendered.requests.map(({ body }) => body)).toEqual(got.map(({ body }) => body));
  });

  test('is tokenized once', async () => {
    const { target, got } = await connect();
    await Promise.all([
      target.encode('a', signal),
      target.encode('a', signal),
      target.encode('b', signal),
    ]);
    expect(got).toHaveLength(2);
  });

  test('that is no text is an error', async () => {
    const { target } = await connect({ '/apply-template': { json: { text: 'P' } } });
    await expect(target.render(REQUEST, signal)).rejects.toMatchObject({ code: 'target' });
  });

  test('of a text that a model might have written takes control tokens for text', async () => {
    const tokens = [
      { id: 5, piece: 'é' },
      { id: 6, piece: [0xe2, 0x82] },
    ];
    const replies: Record<string, Reply> = { ...READY };
    const { url, got } = await serverOf(replies);
    const target = await llamacpp.connect({ url }, signal);
    replies['/tokenize'] = { json: { tokens } };
    expect(await target.encodePlain('é', signal)).toEqual([
      { id: 5, bytes: Uint8Array.of(0xc3, 0xa9) },
      { id: 6, bytes: Uint8Array.of(0xe2, 0x82) },
    ]);
    expect(got.at(-1)?.body).toEqual({
      content: 'é',
      add_special: false,
      parse_special: false,
      with_pieces: true,
    });
  });
});

/** A token's log-probability entry. */
function told(id: number, bytes: readonly number[]): object {
  return { id, token: '', bytes, logprob: -0.5, top_logprobs: [] };
}

async function complete(json: object): Promise<Completion> {
  const { target } = await connect({ '/completion': { json } });
  return await target.complete([1, 2], COLD, signal);
}

describe('a continuation by ids', () => {
  test('tells every token, the end of the generation too', async () => {
    const { target, got } = await connect({
      '/completion': {
        json: {
          tokens: [50, 2],
          completion_probabilities: [told(50, [72]), told(2, [])],
          stop_type: 'eos',
          tokens_evaluated: 2,
          timings: { cache_n: 1 },
        },
      },
    });
    const completion = await target.complete([1, 2], COLD, signal);
    expect(completion.tokens).toEqual([
      { id: 50, bytes: Uint8Array.of(72), logprob: -0.5 },
      { id: 2, bytes: new Uint8Array(), logprob: -0.5 },
    ]);
    expect(completion).toMatchObject({
      finish: 'stop',
      usage: { promptTokens: 2, cachedTokens: 1 },
    });
    expect(got[0]?.body).toEqual({
      prompt: [1, 2],
      temperature: 0,
      n_predict: 16,
      stream: false,
      return_tokens: true,
      n_probs: 5,
      cache_prompt: false,
    });
  });

  test('that runs out of tokens says so', async () => {
    const json = { tokens: [50], completion_probabilities: [told(50, [72])], stop_type: 'limit' };
    expect((await complete(json)).finish).toBe('length');
  });

  test('gives the bytes of a character to the token that completes it', async () => {
    // U+2082 is E2 82 82: the token that completes it is the same as the one before.
    const json = {
      tokens: [226, 130, 130, 46],
      completion_probabilities: [told(130, [0xe2, 0x82, 0x82]), told(46, [46])],
    };
    expect((await complete(json)).tokens.map(({ bytes }) => bytes.length)).toEqual([0, 0, 3, 1]);
  });

  test.each([
    ['a build that returns no ids', { content: 'x' }, /without token ids/],
    [
      'log-probabilities of other tokens',
      { tokens: [50], completion_probabilities: [told(51, [72])] },
      /of other tokens than it generated/,
    ],
  ])('cannot be used: %s', async (_, json, message) => {
    await expect(complete(json)).rejects.toMatchObject({
      code: 'target',
      message: expect.stringMatching(message) as string,
    });
  });
});
