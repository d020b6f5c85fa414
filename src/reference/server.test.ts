/** The HTTP side: shapes as llama.cpp has them, refusals, disconnects, and the parser's faults. */
import { request as httpRequest } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { asArray, asObject, type JsonObject } from '../dialects/json.ts';
import { parseFault } from './faults.ts';
import { startReference, type ReferenceServer } from './server.ts';

let server: ReferenceServer;
beforeAll(async () => {
  server = await startReference();
});
afterAll(async () => {
  await server.close();
});

async function post(
  path: string,
  body: unknown,
  url: string = server.url,
): Promise<{ status: number; body: JsonObject }> {
  const reply = await fetch(url + path, {
    method: 'POST',
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
  return { status: reply.status, body: (await reply.json()) as JsonObject };
}

async function events(path: string, body: object, url: string = server.url): Promise<JsonObject[]> {
  const reply = await fetch(url + path, {
    method: 'POST',
    body: JSON.stringify({ stream: true, ...body }),
  });
  const text = await reply.text();
  expect(reply.headers.get('content-type')).toBe('text/event-stream');
  const data = text
    .split('\n\n')
    .filter((event) => event !== '')
    .map((event) => event.replace(/^data: /, ''));
  if (path.includes('chat')) expect(data.pop()).toBe('[DONE]');
  return data.map((event) => JSON.parse(event) as JsonObject);
}

interface Chunk {
  readonly finish: unknown;
  readonly delta: JsonObject;
  readonly ids: readonly unknown[];
}

function chunksOf(list: readonly JsonObject[]): Chunk[] {
  return list
    .flatMap((event) => asArray(event['choices']))
    .map((value) => {
      const choice = asObject(value) ?? {};
      const content = asArray(asObject(choice['logprobs'])?.['content']);
      return {
        finish: choice['finish_reason'],
        delta: asObject(choice['delta']) ?? {},
        ids: content.map((entry) => asObject(entry)?.['id']),
      };
    });
}

function fieldOf(chunks: readonly Chunk[], field: string): string {
  return chunks.map(({ delta }) => (typeof delta[field] === 'string' ? delta[field] : '')).join('');
}

const ADD = { messages: [{ role: 'user', content: 'Add 12 and 34.' }] };
const WEATHER = {
  messages: [{ role: 'user', content: 'Use the tool: weather in Lima, celsius?' }],
};
const TOOLS = [{ type: 'function', function: { name: 'get_weather', parameters: {} } }];

function resume(body: { messages: readonly object[] }, message: object): { messages: object[] } {
  return { ...body, messages: [...body.messages, { role: 'assistant', ...message }] };
}

async function cached(more: object): Promise<unknown> {
  const reply = await post('/v1/chat/completions', { ...ADD, max_tokens: 1, ...more });
  return asObject(reply.body['timings'])?.['cache_n'];
}

describe('chat', () => {
  test('a stream begins with the role, hides the tags and ends with usage', async () => {
    const list = await events('/v1/chat/completions', {
      ...ADD,
      logprobs: true,
      top_logprobs: 3,
      timings_per_token: true,
      stream_options: { include_usage: true },
    });
    const chunks = chunksOf(list);
    expect(chunks[0]).toEqual({
      finish: null,
      delta: { role: 'assistant', content: null },
      ids: [1522],
    });
    expect(chunks[1]).toEqual({ finish: null, delta: { reasoning_content: 'I' }, ids: [40] });
    expect(asObject(list[1]?.['timings'])?.['predicted_n']).toBe(3);
    expect(fieldOf(chunks, 'reasoning_content')).toMatch(
      /^I need to add 12 and 34,.*That's right\.\n$/s,
    );
    expect(fieldOf(chunks, 'content')).toMatch(
      /^The sum of 12 and 34 is \*\*46\*\*\.\n\n {4}12.*46\n$/s,
    );
    expect(chunks.at(-1)).toEqual({ finish: 'stop', delta: {}, ids: [] });
    const usage = asObject(list.at(-1)?.['usage']);
    expect(usage?.['prompt_tokens']).toBe(17);
    expect(usage?.['completion_tokens']).toBe(asObject(list.at(-1)?.['timings'])?.['predicted_n']);
  });

  test('a first token with text of its own comes after a bare role chunk', async () => {
    const [role, first] = chunksOf(
      await events('/v1/chat/completions', {
        ...resume(ADD, { content: '', reasoning_content: 'I need' }),
        logprobs: true,
      }),
    );
    expect(role?.ids).toEqual([]);
    expect(first?.delta).toEqual({ reasoning_content: ' to' });
  });

  test('max_tokens, stop strings and what is held back for them', async () => {
    const limited = chunksOf(
      await events('/v1/chat/completions', { ...ADD, max_tokens: 6, stop: ['need to addX'] }),
    );
    expect(fieldOf(limited, 'reasoning_content')).toBe('I need to add');
    expect(limited.at(-1)?.finish).toBe('length');
    const stopped = chunksOf(
      await events('/v1/chat/completions', { ...ADD, stop: ['need to add'] }),
    );
    expect(fieldOf(stopped, 'reasoning_content')).toBe('I ');
    expect(stopped.at(-1)?.finish).toBe('stop');
  });

  test('a tool call is cut inside its arguments and goes on without its name', async () => {
    const whole = chunksOf(await events('/v1/chat/completions', { ...WEATHER, tools: TOOLS }));
    const calls = whole
      .flatMap(({ delta }) => asArray(delta['tool_calls']))
      .map((call) => asObject(call) ?? {});
    expect(asObject(calls[0]?.['function'])).toEqual({ name: 'get_weather', arguments: '' });
    const args = calls.map((call) => asObject(call['function'])?.['arguments']).join('');
    expect(args).toBe('{"city": "Lima", "unit": "celsius"}');
    expect(whole.at(-1)?.finish).toBe('tool_calls');
    const held = args.slice(0, 14);
    const rest = chunksOf(
      await events('/v1/chat/completions', {
        ...resume(WEATHER, {
          content: '',
          reasoning_content: fieldOf(whole, 'reasoning_content'),
          tool_calls: [
            { id: 'a', type: 'function', function: { name: 'get_weather', arguments: held } },
          ],
        }),
        tools: TOOLS,
      }),
    ).flatMap(({ delta }) => asArray(delta['tool_calls']));
    expect(rest[0]).toEqual({ index: 0, function: { arguments: args.slice(14, 16) } });
    expect(rest.map((call) => asObject(asObject(call)?.['function'])?.['arguments']).join('')).toBe(
      args.slice(14),
    );
  });

  test('a whole answer holds only what is new, unless echo is asked for', async () => {
    const body = { ...resume(ADD, { content: '', reasoning_content: 'I need' }), max_tokens: 2 };
    const message = async (more: object): Promise<unknown> => {
      const reply = await post('/v1/chat/completions', { ...body, ...more });
      return asObject(asArray(reply.body['choices'])[0])?.['message'];
    };
    expect(await message({})).toMatchObject({ reasoning_content: ' to add', content: '' });
    expect(await message({ echo: true })).toMatchObject({ reasoning_content: 'I need to add' });
  });

  test('reasoning_format none leaves the raw text in the content', async () => {
    const chunks = chunksOf(
      await events('/v1/chat/completions', { ...ADD, max_tokens: 3, reasoning_format: 'none' }),
    );
    expect(fieldOf(chunks, 'content')).toBe('<think>\nI');
  });

  test('the cache is told', async () => {
    await cached({ id_slot: 0, cache_prompt: true });
    expect(await cached({ id_slot: 0, cache_prompt: true })).toBe(16);
    expect(await cached({ id_slot: 0, cache_prompt: false })).toBe(0);
  });
});

describe('completion and tokens', () => {
  test('ids in, every id out, control tokens without text', async () => {
    const { body: template } = await post('/apply-template', ADD);
    const { body: tokenized } = await post('/tokenize', { content: template['prompt'] });
    const { body } = await post('/completion', {
      prompt: tokenized['tokens'],
      return_tokens: true,
      n_probs: 2,
    });
    const tokens = asArray(body['tokens']);
    expect(tokens.at(-1)).toBe(1502);
    expect(body).toMatchObject({
      stop_type: 'eos',
      tokens_evaluated: 17,
      tokens_predicted: tokens.length,
    });
    expect(body['content']).toMatch(/^<think>\nI need.*46\n$/s);
    const probabilities = asArray(body['completion_probabilities']);
    expect(probabilities.at(-1)).toMatchObject({ id: 1502, token: '', bytes: [] });
    const rest = await post('/completion', {
      prompt: [...asArray(tokenized['tokens']), ...tokens.slice(0, 50)],
      return_tokens: true,
    });
    expect(rest.body['tokens']).toEqual(tokens.slice(50));
  });

  test('n_predict 0 gives one token; streams end with a closing object', async () => {
    const prompt = '<|im_start|>user\nAdd 12 and 34.<|im_end|>\n<|im_start|>assistant\n';
    const { body } = await post('/completion', { prompt, n_predict: 0 });
    expect(body).toMatchObject({ content: '<think>', stop_type: 'limit', tokens: [] });
    const list = await events('/completion', { prompt, stop: ['to add'] });
    expect(list.map((event) => event['content']).join('')).toBe('<think>\nI need ');
    expect(list.at(-1)).toMatchObject({ stop: true, stop_type: 'word', stopping_word: 'to add' });
  });

  test('anything that is not a chat prompt makes the model leave the script', async () => {
    for (const prompt of [
      'Once upon a time',
      '<|im_start|>user\nAdd 12 and 34.<|im_end|>\n',
      '<|endoftext|>',
    ]) {
      const { body } = await post('/completion', { prompt });
      expect(body['content']).toMatch(/^ \[off the script: [0-9a-f]{8}\]$/);
    }
  });

  test('pieces and back', async () => {
    const { body } = await post('/tokenize', { content: 'hi 🪡', with_pieces: true });
    const pieces = asArray(body['tokens']).map((token) => asObject(token)?.['piece']);
    expect(pieces.some((piece) => Array.isArray(piece))).toBe(true);
    const ids = asArray(body['tokens']).map((token) => asObject(token)?.['id']);
    expect((await post('/detokenize', { tokens: ids })).body).toEqual({ content: 'hi 🪡' });
  });
});

describe('refusals', () => {
  const two = resume(resume(ADD, { content: 'a' }), { content: 'b' });
  test.each([
    ['/v1/chat/completions', '{bad', 400, 'parse error'],
    ['/v1/chat/completions', {}, 400, "'messages' is required"],
    [
      '/v1/chat/completions',
      { ...ADD, tools: TOOLS, stream: true, logprobs: true },
      400,
      'tools + stream',
    ],
    ['/v1/chat/completions', { ...ADD, top_logprobs: 2 }, 400, 'requires logprobs'],
    ['/apply-template', two, 400, 'Cannot have 2 or more assistant messages'],
    [
      '/apply-template',
      { ...resume(ADD, { content: 'a' }), continue_final_message: true },
      400,
      'Cannot set both',
    ],
    [
      '/apply-template',
      { ...ADD, continue_final_message: 'x', add_generation_prompt: false },
      400,
      'Invalid continue',
    ],
    [
      '/apply-template',
      { ...ADD, continue_final_message: true, add_generation_prompt: false },
      400,
      'not from the',
    ],
    ['/apply-template', resume(ADD, { reasoning_content: 'a' }), 400, "either 'content' or"],
    ['/completion', {}, 400, "key 'prompt' not found"],
    ['/completion', { prompt: [99_999] }, 400, 'invalid tokens'],
    ['/completion', { prompt: 'ab 1 '.repeat(3000) }, 400, 'exceeds the available context size'],
    ['/nowhere', {}, 404, 'File Not Found'],
  ])('%s %j', async (path, body, status, message) => {
    const reply = await post(path, body);
    expect(reply.status).toBe(status);
    expect(asObject(reply.body['error'])?.['message']).toContain(message);
  });

  test('a wrong method and a stranger as Host', async () => {
    expect((await fetch(`${server.url}/completion`)).status).toBe(404);
    const status = await new Promise<number | undefined>((resolve, reject) => {
      const sent = httpRequest(
        `${server.url}/health`,
        { headers: { host: 'example.com' } },
        (reply) => {
          reply.resume();
          resolve(reply.statusCode);
        },
      );
      sent.on('error', reject).end();
    });
    expect(status).toBe(403);
  });
});

test('the server says what it is', async () => {
  const props = (await (await fetch(`${server.url}/props`)).json()) as JsonObject;
  expect(props).toMatchObject({
    total_slots: 8,
    build_info: 'reference-1',
    model_alias: 'thinker',
  });
  const models = (await (await fetch(`${server.url}/v1/models`)).json()) as JsonObject;
  expect(asObject(asArray(models['data'])[0])?.['id']).toBe('thinker');
});

test('a reader that goes away and a server that closes end the stream at once', async () => {
  const slow = await startReference({ tokenDelayMs: 20 });
  const begin = async (signal?: AbortSignal): Promise<ReadableStreamDefaultReader<Uint8Array>> => {
    const reply = await fetch(`${slow.url}/v1/chat/completions`, {
      method: 'POST',
      body: JSON.stringify({ ...ADD, stream: true }),
      ...(signal === undefined ? {} : { signal }),
    });
    const reader = reply.body?.getReader();
    if (reader === undefined) throw new Error('no body');
    await reader.read();
    return reader;
  };
  const gone = new AbortController();
  await begin(gone.signal);
  gone.abort();
  const open = await begin();
  await slow.close();
  await expect(
    (async () => {
      for (;;) if ((await open.read()).done) return;
    })(),
  ).rejects.toThrow();
  await slow.close();
});

describe('faults of the parser', () => {
  const QUESTION = { messages: [{ role: 'user', content: 'Repeat and reverse: 👩‍👩‍👧🇯🇵' }] };

  async function compare(
    fault: string,
    message: object,
  ): Promise<{ right: Chunk[]; wrong: Chunk[] }> {
    const faulty = await startReference({ faults: [parseFault(fault)] });
    try {
      const body = resume(QUESTION, message);
      const right = chunksOf(await events('/v1/chat/completions', body));
      const wrong = chunksOf(await events('/v1/chat/completions', body, faulty.url));
      const fresh = chunksOf(await events('/v1/chat/completions', QUESTION, faulty.url));
      expect(fresh).toEqual(chunksOf(await events('/v1/chat/completions', QUESTION)));
      return { right, wrong };
    } finally {
      await faulty.close();
    }
  }

  const reasoning = 'Repeat the emoji in order, then reversed:\n🇯🇵 👩‍👩‍👧\n';
  const held = { reasoning_content: reasoning, content: 'In order:' };

  test('content-as-reasoning', async () => {
    const { right, wrong } = await compare('content-as-reasoning', held);
    expect(fieldOf(wrong, 'reasoning_content')).toBe(fieldOf(right, 'content'));
    expect(fieldOf(wrong, 'content')).toBe('');
  });

  test('prefill-echoed', async () => {
    const { right, wrong } = await compare('prefill-echoed', held);
    expect(fieldOf(wrong, 'reasoning_content')).toBe(reasoning);
    expect(fieldOf(wrong, 'content')).toBe(`In order:${fieldOf(right, 'content')}`);
  });

  test('partial-char-dropped', async () => {
    const { right, wrong } = await compare('partial-char-dropped', held);
    expect(fieldOf(right, 'content')).toContain('e\u0301te\u0301');
    expect(fieldOf(wrong, 'content')).toBe(fieldOf(right, 'content').replace('\u0301', ''));
  });
});
