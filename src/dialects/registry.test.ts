import { describe, expect, test } from 'vitest';
import { serve } from '../wire/loopback.test-help.ts';
import { connect, dialectNamed, DIALECTS } from './registry.ts';
import { fakeVllm } from './vllm.test-help.ts';

const { signal } = new AbortController();

/** A server that answers each path with one JSON value, or with a status. */
async function serverOf(answers: Readonly<Record<string, unknown>>): Promise<string> {
  const { url } = await serve((request, response) => {
    const answer = answers[request.url ?? ''] ?? 404;
    response.writeHead(typeof answer === 'number' ? answer : 200, {
      'content-type': 'application/json',
    });
    response.end(JSON.stringify(answer));
    request.resume();
  });
  return url;
}

test('a dialect is told from what the server answers', async () => {
  const llamacpp = await serverOf({
    '/props': { chat_template: 'x', build_info: 'b1' },
    '/v1/models': { data: [{ id: 'm' }] },
    '/tokenize': { tokens: [1] },
  });
  const { url } = await fakeVllm();
  const found = await Promise.all(
    [llamacpp, url].map(
      async (server) => (await connect(undefined, { url: server }, signal)).identity,
    ),
  );
  expect(found.map(({ dialect }) => dialect)).toEqual(['llama.cpp', 'vllm']);
});

/** By which SGLang, TGI, OVMS, transformers serve and mistral.rs are known. */
const SELF_HOSTED = [
  '/get_model_info',
  '/model_info',
  '/info',
  '/v1/config',
  '/openapi.json',
  '/api-doc/openapi.json',
];

describe('a server of no kind that is known', () => {
  test.each([
    [
      'nothing there',
      {},
      `: it has no /props, /version, ${SELF_HOSTED.join(', ')}, /api/tags, /api/v0/models, /v1/models, /models`,
    ],
    [
      'a version, but no tokenizer',
      { '/version': { version: '1' } },
      `: it has no /props, /tokenize, ${SELF_HOSTED.join(', ')}, /api/tags, /api/v0/models, /v1/models, /models`,
    ],
    [
      'another idea of everything',
      {
        '/props': {},
        '/version': { version: '1' },
        '/tokenize': 422,
        ...Object.fromEntries(SELF_HOSTED.map((path) => [path, {}])),
        '/api/tags': {},
        '/api/v0/models': {},
        '/v1/models': {},
        '/models': {},
      },
      '',
    ],
  ])('%s', async (_, answers, says) => {
    const url = await serverOf(answers);
    await expect(connect(undefined, { url }, signal)).rejects.toMatchObject({
      code: 'target',
      message: `${url} answers like no server that is known${says}`,
      hint: expect.stringContaining(
        `the root URL of a server of these kinds: ${DIALECTS.map(({ name }) => name).join(', ')}?`,
      ) as string,
    });
  });
});

test('a server that wants a key says so, not that it is unknown', async () => {
  const url = await serverOf({ '/props': 401 });
  await expect(connect(undefined, { url }, signal)).rejects.toMatchObject({
    message: expect.stringContaining('refuses us: HTTP 401') as string,
    hint: expect.stringContaining('SEAMSTRESS_API_KEY') as string,
  });
});

test('a server that is not there', async () => {
  await expect(connect(undefined, { url: 'http://127.0.0.1:9' }, signal)).rejects.toMatchObject({
    code: 'target',
  });
});

test('names', () => {
  expect(dialectNamed('auto')).toBeUndefined();
  expect(dialectNamed('vllm')?.name).toBe('vllm');
  expect(() => dialectNamed('vLLM')).toThrow(
    expect.objectContaining({
      code: 'usage',
      message: 'there is no dialect "vLLM"',
      hint: `Dialects: auto, ${DIALECTS.map(({ name }) => name).join(', ')}.`,
    }),
  );
});
