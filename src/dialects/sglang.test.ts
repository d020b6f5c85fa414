/** SGLang by ids against its persona, and by texts against the one that tells none. */
import fc from 'fast-check';
import { describe, expect, onTestFinished, test } from 'vitest';
import { BUNDLED_TOKENIZER } from '../engines/bundle.ts';
import { personaNamed } from '../reference/personas/catalogue.ts';
import { startReference } from '../reference/server.ts';
import { viewOf } from '../seam/view.ts';
import { serve, textOf } from '../wire/loopback.test-help.ts';
import { Refusal } from '../wire/refusal.ts';
import type { ChatRequest, ConnectOptions, SamplingOptions, Target } from './dialect.ts';
import { asArray, asObject, type JsonObject } from './json.ts';
import { sglang } from './sglang.ts';
import { isTextLevel } from './text-level-strength.ts';

const { signal } = new AbortController();
const COLD: SamplingOptions = { maxTokens: 400, top: 3, cache: 'cold' };
const WARM: SamplingOptions = { ...COLD, cache: 'warm' };
const ASK: ChatRequest = {
  messages: [
    { role: 'user', content: 'Write a Python function find_max over pairs with 4-space indents.' },
  ],
  tools: [],
  thinking: undefined,
};

/** Bytes that are known from the file need not be learned. */
const FILES: Partial<ConnectOptions> = { files: { tokenizer: BUNDLED_TOKENIZER } };

async function opened(
  persona = 'sglang',
  options: Partial<ConnectOptions> = {},
  via = (url: string): Promise<string> => Promise.resolve(url),
): Promise<Target> {
  const server = await startReference({ persona: await personaNamed(persona) });
  onTestFinished(() => server.close());
  const target = await sglang.connect({ url: await via(server.url), ...FILES, ...options }, signal);
  onTestFinished(() => target.close());
  return target;
}

/** A server in front of another one that changes what passes. */
function changing(
  change: (path: string, body: JsonObject) => JsonObject | number,
  answer: (path: string, body: unknown) => unknown = (_, body) => body,
): (url: string) => Promise<string> {
  return async (upstream) => {
    const { url } = await serve((request, response) => {
      const pass = async (): Promise<void> => {
        const text = await textOf(request);
        const path = request.url ?? '';
        const sent = text === '' ? {} : (JSON.parse(text) as JsonObject);
        const changed = change(path, sent);
        if (typeof changed === 'number') {
          response.writeHead(changed).end('{}');
          return;
        }
        const reply = await fetch(upstream + path, {
          method: request.method ?? 'GET',
          ...(text === '' ? {} : { body: JSON.stringify(changed) }),
        });
        const type = reply.headers.get('content-type') ?? '';
        response.writeHead(reply.status, { 'content-type': type });
        const told = await reply.text();
        response.end(type.includes('json') ? JSON.stringify(answer(path, JSON.parse(told))) : told);
      };
      void pass();
    });
    return url;
  };
}

describe('by ids', () => {
  test('tells what the server is, and that nothing is hidden', async () => {
    const target = await opened();
    expect(isTextLevel(target)).toBe(false);
    expect(target.identity).toMatchObject({
      dialect: 'sglang',
      model: 'thinker',
      engine: { name: 'sglang', version: '0.5.17' },
      tokenizerSha256: expect.stringMatching(/^[0-9a-f]{64}$/) as string,
    });
    expect(target.identity.strength).toBeUndefined();
  });

  test('chat and /generate give the same tokens, and their bytes are the text', async () => {
    const target = await opened();
    const rendered = await target.render(ASK, signal);
    expect(rendered.text).toContain('find_max');
    const answer = await target.chat(ASK, COLD, { signal });
    const whole = await target.complete(rendered.ids, COLD, signal);
    expect(answer.generated).toBe(whole.tokens.length);
    expect(answer.tokens.map(({ id }) => id)).toEqual(whole.tokens.map(({ id }) => id));
    expect(answer.usage.promptTokens).toBe(rendered.ids.length);
    expect(whole.finish).toBe('stop');
    expect(whole.tokens.at(-1)?.bytes).toHaveLength(0);
    expect(whole.tokens.every(({ top }) => top?.length === 6)).toBe(true);
    const raw = Buffer.concat(whole.tokens.map(({ bytes }) => bytes)).toString('utf8');
    const { reasoning, content } = viewOf(answer.deltas);
    expect(raw).toContain(reasoning);
    expect(raw.endsWith(content)).toBe(true);
  });

  test('without the tokenizer file the bytes are learned from the server', async () => {
    const exact = await opened();
    const learned = await opened('sglang', { files: {} });
    const { ids } = await exact.render(ASK, signal);
    const text = async (target: Target): Promise<string> =>
      Buffer.concat(
        (await target.complete(ids, COLD, signal)).tokens.map(({ bytes }) => bytes),
      ).toString('utf8');
    expect(await text(learned)).toBe(await text(exact));
  });

  test('each chunk tells how many tokens stand behind it', async () => {
    const target = await opened();
    const answer = await target.chat(ASK, COLD, { signal });
    const { tokens } = await target.complete((await target.render(ASK, signal)).ids, COLD, signal);
    const counted = answer.deltas.map(({ after }) => after);
    expect(counted).toEqual(counted.toSorted((a, b) => a - b));
    for (const delta of answer.deltas) {
      const text = delta.content ?? delta.reasoning ?? '';
      const own = Buffer.from(tokens[delta.after - 1]?.bytes ?? []).toString('utf8');
      expect(text.endsWith(own) || own.includes('\uFFFD') || own.endsWith(text)).toBe(true);
    }
  });

  test('a stream that is stopped tells no ids, and how far it came', async () => {
    const target = await opened();
    const answer = await target.chat(ASK, COLD, {
      signal,
      stopWhen: ({ generated }) => generated >= 12,
    });
    expect(answer.end.kind).toBe('aborted');
    expect(answer.tokens).toEqual([]);
    expect(answer.generated).toBe(12);
  });

  test('a limit and a stop string are told apart from the end', async () => {
    const target = await opened();
    const { ids } = await target.render(ASK, signal);
    const some = await target.complete(ids, { ...COLD, maxTokens: 5 }, signal);
    expect(some).toMatchObject({ finish: 'length' });
    expect(some.tokens).toHaveLength(5);
    const stopped = await target.complete(ids, { ...COLD, stop: ['find'] }, signal);
    expect(stopped.finish).toBe('stop');
    expect(stopped.tokens.at(-1)?.bytes.length).toBeGreaterThan(0);
  });

  test('warm requests share a cache, cold ones share none', async () => {
    const target = await opened();
    const { ids } = await target.render(ASK, signal);
    const cached = async (sampling: SamplingOptions): Promise<number | undefined> =>
      (await target.complete(ids, sampling, signal)).usage.cachedTokens;
    expect(await cached(WARM)).toBe(0);
    expect(await cached(WARM)).toBe(ids.length - 1);
    expect(await cached(COLD)).toBe(0);
  });

  test('the prompt of a resume is what chat makes of it: thoughts are dropped', async () => {
    const target = await opened();
    const base = await target.render(ASK, signal);
    const resumed = await target.render(
      { ...ASK, prefill: { content: 'It is', reasoning: 'Hm.' }, flags: true },
      signal,
    );
    expect(resumed.ids).toEqual([...base.ids, ...(await target.encode('It is', signal))]);
    const asUser = await target.render({ ...ASK, prefill: { content: 'It is' } }, signal);
    expect(asUser.text).toContain('user\nIt is');
  });

  test('an unfinished tool call is refused', async () => {
    const target = await opened();
    const toolCalls = [{ id: 'c', name: 'f', arguments: '{"a":' }];
    const refused = target.render(
      { ...ASK, prefill: { content: '', toolCalls }, flags: true },
      signal,
    );
    await expect(refused).rejects.toThrow(Refusal);
    await expect(refused).rejects.toThrow('must be valid JSON');
  });

  test('going on from any kept ids gives the rest', async () => {
    const target = await opened();
    const { ids } = await target.render(ASK, signal);
    const whole = (await target.complete(ids, COLD, signal)).tokens.map(({ id }) => id);
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: whole.length - 1 }), async (k) => {
        const { tokens } = await target.complete([...ids, ...whole.slice(0, k)], COLD, signal);
        expect(tokens.map(({ id }) => id)).toEqual(whole.slice(k));
      }),
      { numRuns: 12 },
    );
  });

  test('what is put before every text is taken off again', async () => {
    const BOS = 1;
    const target = await opened(
      'sglang',
      {},
      changing(
        (_, body) => body,
        (path, body) => {
          const told = asObject(body) ?? {};
          const asked = path === '/v1/tokenize' && asArray(told['tokens']).length < 200;
          return asked ? { ...told, tokens: [BOS, ...asArray(told['tokens'])] } : body;
        },
      ),
    );
    const plain = await opened();
    expect(await target.encode('Hi there', signal)).toEqual(await plain.encode('Hi there', signal));
  });
});

describe('what an older server lacks', () => {
  test('its chats tell the prompt where /v1/tokenize reads no messages', async () => {
    const target = await opened(
      'sglang',
      {},
      changing((path, body) => (path === '/v1/tokenize' && 'messages' in body ? 422 : body)),
    );
    expect(isTextLevel(target)).toBe(false);
    const rendered = await target.render(ASK, signal);
    expect(rendered.requests[0]).toMatchObject({
      body: { return_prompt_token_ids: true, max_tokens: 1 },
    });
    expect(rendered.ids).toEqual((await (await opened()).render(ASK, signal)).ids);
  });

  test('streams without ids leave them to the control', async () => {
    const target = await opened(
      'sglang',
      {},
      changing(
        (_, { return_input_ids_in_sglext: _i, return_output_ids_in_sglext: _o, ...body }) => body,
      ),
    );
    const answer = await target.chat(ASK, COLD, { signal });
    expect(answer.tokens).toEqual([]);
    const { ids } = await target.render(ASK, signal);
    expect(answer.generated).toBe((await target.complete(ids, COLD, signal)).tokens.length);
  });

  test('streams that are not counted are counted by their chunks, and never past the end', async () => {
    const target = await opened(
      'sglang',
      {},
      changing((_, body) => {
        const { stream_options: options, return_output_ids_in_sglext: _o, ...rest } = body;
        return options === undefined ? body : { ...rest, stream_options: { include_usage: true } };
      }),
    );
    const answer = await target.chat(ASK, COLD, { signal });
    expect(answer.deltas.at(-1)?.after).toBeLessThanOrEqual(answer.generated);
    expect(answer.deltas.length).toBeGreaterThan(10);
  });

  test('without any prompts it is judged by its texts', async () => {
    const target = await opened('sglang-0.4', { files: {} });
    expect(isTextLevel(target)).toBe(true);
    expect(target.identity.strength).toMatchObject({ ids: 'none', oracle: 'prompt-count' });
    const answer = await target.chat(ASK, COLD, { signal });
    expect(viewOf(answer.deltas).content).toContain('def find_max');
  });

  test.each(['/generate', '/v1/tokenize'])('without %s too', async (lacking) => {
    const target = await opened(
      'sglang',
      {},
      changing((path, body) => (path === lacking ? 404 : body)),
    );
    expect(isTextLevel(target)).toBe(true);
  });
});

test('a chat whose prompt is not the one that was told is an error of the target', async () => {
  const target = await opened(
    'sglang',
    {},
    changing((path, body) =>
      path === '/v1/chat/completions' && body['stream'] === true
        ? { ...body, messages: [...asArray(body['messages']), { role: 'user', content: 'More.' }] }
        : body,
    ),
  );
  await expect(target.chat(ASK, COLD, { signal })).rejects.toMatchObject({
    code: 'target',
    message: expect.stringContaining('not the one that the server told') as string,
  });
});

test('a key that is refused is said so', async () => {
  await expect(
    opened(
      'sglang',
      {},
      changing(() => 401),
    ),
  ).rejects.toMatchObject({
    code: 'target',
    hint: expect.stringContaining('SEAMSTRESS_API_KEY') as string,
  });
});
