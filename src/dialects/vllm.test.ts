import { describe, expect, test } from 'vitest';
import { BUNDLED_TOKENIZER } from '../engines/bundle.ts';
import { viewOf } from '../seam/view.ts';
import { TOKENIZER_PROBE } from './acquaint.ts';
import type { ChatRequest, ConnectOptions, SamplingOptions, Target } from './dialect.ts';
import { asString, type JsonObject } from './json.ts';
import {
  chatEvents,
  chatLogprobs,
  fakeVllm,
  promptOf,
  tokenizer,
  type Handler,
} from './vllm.test-help.ts';
import { vllm } from './vllm.ts';

const { signal } = new AbortController();
const read = { signal };
const COLD: SamplingOptions = { maxTokens: 64, top: 2, cache: 'cold' };
const ASK: ChatRequest = {
  messages: [{ role: 'user', content: 'Add 1 and 2.' }],
  tools: [],
  thinking: undefined,
};
const PROMPT = tokenizer.encode(
  '<|im_start|>user\nAdd 1 and 2.<|im_end|>\n<|im_start|>assistant\n',
);
const END = 1502;
const FILES: Partial<ConnectOptions> = { files: { tokenizer: BUNDLED_TOKENIZER } };

async function connect(url: string, more: Partial<ConnectOptions> = FILES): Promise<Target> {
  return await vllm.connect({ url, ...more }, signal);
}

/** A target whose chat streams are these chunks, and its server. */
async function chatting(
  choices: readonly JsonObject[],
  usage?: JsonObject,
  promptIds: readonly number[] | undefined = PROMPT,
): Promise<{ target: Target; got: Awaited<ReturnType<typeof fakeVllm>>['got'] }> {
  const chat: Handler = (body) =>
    body['stream'] === true
      ? { events: chatEvents(promptIds, choices, usage) }
      : { json: { prompt_token_ids: tokenizer.encode(promptOf(body)) } };
  const { url, got } = await fakeVllm({ '/v1/chat/completions': chat });
  return { target: await connect(url), got };
}

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

/** Knows the reasoning by its older name only. */
const older: Handler = (body) => ({
  json: {
    tokens: tokenizer.encode(asString(body['prompt']) ?? promptOf(body, 'reasoning_content')),
  },
});

/** A piece of a tool call. */
const call = (fn: JsonObject): JsonObject => ({
  delta: { content: null, tool_calls: [{ index: 0, function: fn }] },
  token_ids: [5],
});

describe('connecting', () => {
  test('tells what the server is', async () => {
    const { url } = await fakeVllm();
    const target = await connect(url);
    expect(target.identity).toEqual({
      dialect: 'vllm',
      url,
      model: 'thinker',
      engine: { name: 'vllm', version: undefined, build: '0.32.0' },
      tokenizerSha256: expect.stringMatching(/^[0-9a-f]{64}$/) as string,
      hops: [],
    });
    expect(target.chatTemplate).toBeUndefined();
  });

  test('an engine that was launched is known better', async () => {
    const { url } = await fakeVllm();
    const engine = { name: 'vllm', version: '0.32.0' };
    const target = await connect(url, { engine, files: { chatTemplate: '{{ x }}' } });
    expect(target.identity.engine).toMatchObject(engine);
    expect(target.identity.chatTemplateSha256).toMatch(/^[0-9a-f]{64}$/);
    expect(target.chatTemplate).toBe('{{ x }}');
  });

  test.each([
    ['no path', '/version', 404, /has no \/version/, /root URL of a vLLM server/],
    ['no tokenizer endpoint', '/tokenize', 404, /has no \/tokenize/, /tokenizer endpoint enabled/],
    ['a key is wanted', '/v1/models', 401, /refuses us: HTTP 401/, /SEAMSTRESS_API_KEY/],
    ['still loading', '/version', 503, /answered HTTP 503/, /Wait until the server is ready/],
  ])('%s', async (_, path, status, message, hint) => {
    const { url } = await fakeVllm({ [path]: () => ({ status, json: { error: 'x' } }) });
    await expect(connect(url)).rejects.toMatchObject({
      code: 'target',
      message: expect.stringMatching(message) as string,
      hint: expect.stringMatching(hint) as string,
    });
  });

  test('a version that is none', async () => {
    const { url } = await fakeVllm({ '/version': () => ({ json: {} }) });
    await expect(connect(url)).rejects.toMatchObject({
      message: expect.stringContaining('is not a vLLM server') as string,
    });
  });

  test('a model that it does not serve', async () => {
    const { url } = await fakeVllm();
    await expect(connect(url, { model: 'other' })).rejects.toMatchObject({
      message: expect.stringContaining('does not serve the model "other"') as string,
      hint: 'It serves: thinker.',
    });
  });

  test('it is asked for a model by the name that it gives itself', async () => {
    const { url, got } = await fakeVllm();
    const target = await connect(url, { model: 'thinker' });
    await target.encode('a', signal);
    expect(got.at(-1)?.body['model']).toBe('lab/thinker');
  });

  test('the tokenizer of another model is refused', async () => {
    const { url } = await fakeVllm({ '/tokenize': () => ({ json: { tokens: [1, 2, 3] } }) });
    await expect(connect(url)).rejects.toMatchObject({
      code: 'config',
      message: expect.stringContaining('is not the tokenizer of the model') as string,
    });
  });
});

describe('the prompt oracle', () => {
  const prefilled: ChatRequest = {
    ...ASK,
    thinking: true,
    prefill: { reasoning: 'It is 3.', content: 'The' },
    flags: true,
  };

  test('is /tokenize with the messages and the flags', async () => {
    const { url, got } = await fakeVllm();
    const rendered = await (await connect(url)).render(prefilled, signal);
    expect(rendered.text).toBe(
      '<|im_start|>user\nAdd 1 and 2.<|im_end|>\n<|im_start|>assistant\n<think>\nIt is 3.\n</think>\n\nThe',
    );
    expect(rendered.ids).toEqual(tokenizer.encode(rendered.text ?? ''));
    expect(got.at(-1)).toMatchObject({
      path: '/tokenize',
      body: {
        messages: [
          { role: 'user', content: 'Add 1 and 2.' },
          { role: 'assistant', content: 'The', reasoning: 'It is 3.' },
        ],
        chat_template_kwargs: { enable_thinking: true },
        continue_final_message: true,
        add_generation_prompt: false,
      },
    });
    expect(rendered.requests).toEqual([
      { method: 'POST', url: `${url}/tokenize`, body: got.at(-1)?.body },
    ]);
  });

  test('without flags a plain request', async () => {
    const { url, got } = await fakeVllm();
    await (await connect(url)).render({ ...prefilled, flags: false }, signal);
    expect(got.at(-1)?.body).not.toHaveProperty('continue_final_message');
    expect(got.at(-1)?.body).not.toHaveProperty('add_generation_prompt');
  });

  test('asks once for the same messages', async () => {
    const { url, got } = await fakeVllm();
    const target = await connect(url);
    const before = got.length;
    await target.render(prefilled, signal);
    await target.render(prefilled, signal);
    expect(got.length - before).toBe(1);
  });

  test('names the reasoning as the server wants it', async () => {
    const { url, got } = await fakeVllm({
      '/tokenize': older,
      '/v1/chat/completions': (body) => ({
        json: { prompt_token_ids: tokenizer.encode(promptOf(body, 'reasoning_content')) },
      }),
    });
    await (await connect(url)).render(prefilled, signal);
    expect(got.at(-1)).toMatchObject({
      path: '/tokenize',
      body: { messages: [{}, { reasoning_content: 'It is 3.' }] },
    });
  });

  test('is a chat for one token where /tokenize renders something else', async () => {
    const { url, got } = await fakeVllm({
      '/tokenize': (body) => ({
        json: { tokens: tokenizer.encode(asString(body['prompt']) ?? promptOf(body, 'none')) },
      }),
    });
    const { ids } = await (await connect(url)).render(prefilled, signal);
    expect(tokenizer.decode(ids)).toContain('It is 3.');
    expect(got.at(-1)).toMatchObject({
      path: '/v1/chat/completions',
      body: { max_tokens: 1, return_token_ids: true, continue_final_message: true },
    });
  });

  test('a refusal is the server’s own words', async () => {
    const words = 'Cannot set `continue_final_message` to True when the last message is not from';
    const { url } = await fakeVllm();
    const target = await connect(url);
    const refusing = await fakeVllm({
      '/tokenize': (body) =>
        body['prompt'] === TOKENIZER_PROBE
          ? { json: { tokens: tokenizer.encode(TOKENIZER_PROBE) } }
          : { status: 400, json: { error: { message: words, code: 400 } } },
    });
    await expect((await connect(refusing.url)).render(ASK, signal)).rejects.toMatchObject({
      name: 'Refusal',
      status: 400,
      message: words,
    });
    expect((await target.render(ASK, signal)).ids).toEqual(PROMPT);
  });
});

describe('a chat stream', () => {
  const think = tokenizer.encode('<think>')[0]!;
  const [two, three] = tokenizer.encode(' é！').slice(-2) as [number, number];

  test('tells every id, hidden ones too, with bytes from the tokenizer file', async () => {
    const { target, got } = await chatting(
      [
        { delta: {}, token_ids: [think], logprobs: chatLogprobs([think, -0.5], [7, -1.5]) },
        { delta: { reasoning: '\nI' }, token_ids: [198, 40] },
        { delta: { reasoning_content: ' add' }, token_ids: [1095] },
        { delta: {}, token_ids: [two] },
        { delta: { content: 'x' }, token_ids: [three] },
        { delta: {}, token_ids: [END], finish_reason: 'stop', stop_reason: null },
      ],
      { prompt_tokens: 17, completion_tokens: 7, prompt_tokens_details: { cached_tokens: 16 } },
    );
    const answer = await target.chat(ASK, COLD, read);
    expect(answer.tokens.map(({ id, place }) => [place, id])).toEqual([
      [1, think],
      [2, 198],
      [3, 40],
      [4, 1095],
      [5, two],
      [6, three],
      [7, END],
    ]);
    expect(answer.tokens.map(({ bytes }) => text(bytes)).slice(0, 4)).toEqual([
      '<think>',
      '\n',
      'I',
      ' add',
    ]);
    expect(answer.tokens[0]).toMatchObject({
      logprob: -0.5,
      top: [think, -0.5, 7, -1.5],
    });
    expect(answer.tokens.at(-1)?.bytes).toHaveLength(0);
    expect(answer.deltas).toEqual([
      { after: 3, reasoning: '\nI' },
      { after: 4, reasoning: ' add' },
      { after: 6, content: 'x' },
    ]);
    expect(answer).toMatchObject({
      generated: 7,
      finish: 'stop',
      end: { kind: 'done' },
      usage: { promptTokens: 17, cachedTokens: 16 },
    });
    expect(got.at(-1)?.body).toMatchObject({
      model: 'lab/thinker',
      temperature: 0,
      max_tokens: 64,
      stream: true,
      return_token_ids: true,
      return_tokens_as_token_ids: true,
      logprobs: true,
      top_logprobs: 2,
    });
    expect(target.spending).toMatchObject({ promptTokens: 17, generatedTokens: 7 });
  });

  test('tool calls come in pieces', async () => {
    const { target } = await chatting([
      call({ name: 'get_weather' }),
      call({ arguments: '{"city' }),
      call({ arguments: '": "Oslo"}' }),
      { delta: {}, token_ids: [END], finish_reason: 'tool_calls', stop_reason: null },
    ]);
    const tools = [{ name: 'get_weather', description: '', parameters: {} }];
    const answer = await target.chat({ ...ASK, tools }, COLD, read);
    expect(viewOf(answer.deltas).toolCalls).toEqual([
      { name: 'get_weather', arguments: '{"city": "Oslo"}' },
    ]);
    expect(answer).toMatchObject({ finish: 'tool_calls', generated: 4 });
    expect(answer.tokens.at(-1)?.bytes).toHaveLength(0);
  });

  test('the last token has its text where a limit or a stop string ended it', async () => {
    const last = { delta: { content: ' add' }, token_ids: [1095] };
    const cut = await chatting([{ ...last, finish_reason: 'length', stop_reason: null }]);
    const { tokens } = await cut.target.chat(ASK, COLD, read);
    expect(text(tokens[0]!.bytes)).toBe(' add');
    const stopped = await chatting([{ ...last, finish_reason: 'stop', stop_reason: 'x' }]);
    const answer = await stopped.target.chat(ASK, { ...COLD, stop: ['x'] }, read);
    expect(text(answer.tokens[0]!.bytes)).toBe(' add');
    expect(stopped.got.at(-1)?.body).toMatchObject({ stop: ['x'] });
  });

  test('is cut as soon as the reader has enough', async () => {
    const { target } = await chatting([
      { delta: { content: 'I' }, token_ids: [40] },
      { delta: { content: ' add' }, token_ids: [1095] },
    ]);
    const answer = await target.chat(ASK, COLD, {
      signal,
      stopWhen: ({ generated }) => generated >= 1,
    });
    expect(answer).toMatchObject({ generated: 1, end: { kind: 'aborted' } });
  });

  test('ids come from the log-probabilities where a gateway drops the others', async () => {
    const { target } = await chatting([
      { delta: { content: 'I' }, logprobs: chatLogprobs([40, -0.1]) },
      { delta: { content: ' add' }, logprobs: chatLogprobs([1095, -0.2]) },
    ]);
    const { tokens } = await target.chat(ASK, COLD, read);
    expect(tokens.map(({ id }) => id)).toEqual([40, 1095]);
  });

  test('without any ids the tokens are counted by the server', async () => {
    const { target } = await chatting([{ delta: { content: 'I add' } }], { completion_tokens: 3 });
    const answer = await target.chat(ASK, COLD, read);
    expect(answer).toMatchObject({ tokens: [], generated: 3 });
  });

  test('a prompt that is not the rendered one is no basis for a verdict', async () => {
    const { target } = await chatting([], undefined, [1, 2, 3]);
    await expect(target.chat(ASK, COLD, read)).rejects.toMatchObject({
      code: 'target',
      message: expect.stringContaining('not the one that /tokenize gave') as string,
    });
  });

  test('what is no JSON object ends it', async () => {
    const { url } = await fakeVllm({
      '/v1/chat/completions': (body) =>
        body['stream'] === true
          ? { events: ['text'] }
          : { json: { prompt_token_ids: tokenizer.encode(promptOf(body)) } },
    });
    const answer = await (await connect(url)).chat(ASK, COLD, read);
    expect(answer.end).toMatchObject({ kind: 'garbled' });
  });
});

describe('a completion by ids', () => {
  const choice = {
    index: 0,
    text: 'I add',
    token_ids: [40, 1095, END],
    logprobs: {
      tokens: ['token_id:40', 'token_id:1095', `token_id:${END}`],
      token_logprobs: [-0.3, -0.2, -0.1],
      top_logprobs: [{ 'token_id:40': -1.3, 'token_id:9': -0.3 }, { 'token_id:1095': -0.2 }, null],
    },
    finish_reason: 'stop',
    stop_reason: null,
  };

  test('tells every token, the end too', async () => {
    const usage = { prompt_tokens: 3, prompt_tokens_details: { cached_tokens: 0 } };
    const { url, got } = await fakeVllm({
      '/v1/completions': () => ({ json: { choices: [choice], usage } }),
    });
    const { tokens, ...rest } = await (await connect(url)).complete([1, 2, 3], COLD, signal);
    expect(tokens.map(({ id, bytes }) => [id, text(bytes)])).toEqual([
      [40, 'I'],
      [1095, ' add'],
      [END, ''],
    ]);
    expect(tokens[0]).toMatchObject({
      logprob: -0.3,
      top: [9, -0.3, 40, -1.3],
    });
    expect(rest).toMatchObject({
      finish: 'stop',
      usage: { promptTokens: 3, cachedTokens: 0 },
      request: { method: 'POST', url: `${url}/v1/completions` },
    });
    expect(got.at(-1)?.body).toMatchObject({
      prompt: [1, 2, 3],
      logprobs: 2,
      return_token_ids: true,
    });
  });

  test('asks for no log-probabilities where no candidates are wanted', async () => {
    const bare = { ...choice, logprobs: null };
    const { url, got } = await fakeVllm({
      '/v1/completions': () => ({ json: { choices: [bare] } }),
    });
    const sampling = { ...COLD, top: 0 };
    const { tokens } = await (await connect(url)).complete([1, 2, 3], sampling, signal);
    expect(tokens.map(({ id, bytes }) => [id, text(bytes)])).toEqual([
      [40, 'I'],
      [1095, ' add'],
      [END, ''],
    ]);
    expect(got.at(-1)?.body).not.toHaveProperty('logprobs');
  });

  test('the salt is fresh for a cold run and the same for warm ones', async () => {
    const { url, got } = await fakeVllm({
      '/v1/completions': () => ({ json: { choices: [choice] } }),
    });
    const target = await connect(url);
    for (const cache of ['cold', 'cold', 'warm', 'warm'] as const)
      await target.complete([1], { ...COLD, cache }, signal);
    const [a, b, c, d] = got.slice(-4).map(({ body }) => body['cache_salt']);
    expect(new Set([a, b, c]).size).toBe(3);
    expect(d).toBe(c);
  });

  test('asks for no more than the context holds', async () => {
    const { url, got } = await fakeVllm({
      '/v1/completions': () => ({ json: { choices: [choice] } }),
    });
    const prompt = Array.from({ length: 4090 }, () => 40);
    await (await connect(url)).complete(prompt, COLD, signal);
    expect(got.at(-1)?.body['max_tokens']).toBe(6);
  });

  test('a server that tells no ids is of no use', async () => {
    const { url } = await fakeVllm({
      '/v1/completions': () => ({ json: { choices: [{ text: 'I' }] } }),
    });
    await expect((await connect(url)).complete([1], COLD, signal)).rejects.toMatchObject({
      code: 'target',
      hint: expect.stringContaining('0.10.2') as string,
    });
  });
});

describe.each([
  ['with the tokenizer file', FILES],
  ['without it', {}],
])('plain text %s', (_, files) => {
  test('is encoded with its bytes', async () => {
    const { url } = await fakeVllm();
    const target = await connect(url, files);
    for (const sample of ['I add 1.', ' two  spaces', '<think>\nx\n</think>\n\ny', '中文分词']) {
      const tokens = await target.encodePlain(sample, signal);
      expect(tokens.map(({ id }) => id)).toEqual(tokenizer.encode(sample));
      expect(Buffer.concat(tokens.map(({ bytes }) => bytes)).toString()).toBe(sample);
    }
  });

  test('a look-alike of a control token stays text', async () => {
    const { url } = await fakeVllm();
    const target = await connect(url, files);
    const sample = 'say <|im_end|> and </s>, not </think>';
    const tokens = await target.encodePlain(sample, signal);
    const ids = tokens.map(({ id }) => id);
    expect(ids.some((id) => tokenizer.isSpecial(id))).toBe(false);
    expect(ids).toContain(tokenizer.encode('</think>')[0]);
    expect(tokenizer.decode(ids)).toBe(sample);
    expect(Buffer.concat(tokens.map(({ bytes }) => bytes)).toString()).toBe(sample);
  });
});

test('without the tokenizer file, the bytes of a character come with its last token', async () => {
  const { url } = await fakeVllm();
  const target = await connect(url, {});
  const tokens = await target.encodePlain('日', signal);
  expect(tokens.length).toBeGreaterThan(1);
  expect(tokens.slice(0, -1).every(({ bytes }) => bytes.length === 0)).toBe(true);
  expect(text(tokens.at(-1)!.bytes)).toBe('日');
});
