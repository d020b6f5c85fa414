/** A server that answers as vLLM 0.32 was seen to, with the thinker's tokenizer. */
import { BUNDLED_TOKENIZER } from '../engines/bundle.ts';
import { loadTokenizer, type LocalTokenizer } from '../tokens/tokenizer.ts';
import { serve, textOf } from '../wire/loopback.test-help.ts';
import { asArray, asIds, asObject, asString, type JsonObject } from './json.ts';

/** One request as the server got it. */
interface Got {
  readonly path: string;
  readonly body: JsonObject;
  readonly authorization: string | undefined;
}

/** A JSON answer, or the events of a stream. */
type Reply =
  | { readonly status?: number; readonly json: unknown }
  | { readonly events: readonly unknown[] };

export type Handler = (body: JsonObject) => Reply;

export interface FakeVllm {
  readonly url: string;
  readonly got: Got[];
}

export const tokenizer: LocalTokenizer = await loadTokenizer(BUNDLED_TOKENIZER);

/** The prompt as the server's template writes it; `field` is where it looks for reasoning. */
export function promptOf(body: JsonObject, field = 'reasoning'): string {
  const turns = asArray(body['messages']).map((value) => {
    const message = asObject(value) ?? {};
    const reasoning = asString(message[field]);
    const thought = reasoning === undefined ? '' : `<think>\n${reasoning}\n</think>\n\n`;
    return `<|im_start|>${asString(message['role'])}\n${thought}${asString(message['content'])}`;
  });
  const open = body['continue_final_message'] === true ? '' : '<|im_end|>\n<|im_start|>assistant\n';
  return turns.join('<|im_end|>\n') + open;
}

/** Events of a chat stream, in the envelope that vLLM puts around them. */
export function chatEvents(
  promptIds: readonly number[] | undefined,
  choices: readonly JsonObject[],
  usage?: JsonObject,
): unknown[] {
  const envelope = { id: 'chatcmpl-1', object: 'chat.completion.chunk', model: 'thinker' };
  const first = { index: 0, delta: { role: 'assistant', content: '' }, finish_reason: null };
  return [
    { ...envelope, choices: [first], prompt_token_ids: promptIds, prompt_text: null },
    ...choices.map((choice) => ({
      ...envelope,
      choices: [{ index: 0, finish_reason: null, ...choice }],
    })),
    ...(usage === undefined ? [] : [{ ...envelope, choices: [], usage }]),
  ];
}

/** Log-probabilities as `return_tokens_as_token_ids` has them in a chat. */
export function chatLogprobs(...candidates: readonly (readonly [number, number])[]): JsonObject {
  const [own, ...others] = candidates.map(([id, logprob]) => ({
    token: `token_id:${id}`,
    logprob,
    bytes: [...Buffer.from(`token_id:${id}`)],
  }));
  return { content: [{ ...own, top_logprobs: [own, ...others] }] };
}

const READY: Readonly<Record<string, Handler>> = {
  '/version': () => ({ json: { version: '0.32.0' } }),
  '/v1/models': () => ({
    json: {
      object: 'list',
      data: [
        {
          id: 'lab/thinker',
          object: 'model',
          owned_by: 'vllm',
          root: '/nowhere',
          max_model_len: 4096,
        },
      ],
    },
  }),
  '/tokenize': (body) => {
    const tokens = tokenizer.encode(asString(body['prompt']) ?? promptOf(body));
    return { json: { count: tokens.length, max_model_len: 4096, tokens, token_strs: null } };
  },
  '/detokenize': (body) => ({ json: { prompt: tokenizer.decode(asIds(body['tokens']) ?? []) } }),
  '/v1/chat/completions': (body) => ({
    json: { prompt_token_ids: tokenizer.encode(promptOf(body)) },
  }),
};

const missing: Handler = () => ({ status: 404, json: { detail: 'Not Found' } });

/** Starts it; `handlers` answer in place of its own. */
export async function fakeVllm(
  handlers: Readonly<Record<string, Handler>> = {},
): Promise<FakeVllm> {
  const known: Readonly<Record<string, Handler>> = { ...READY, ...handlers };
  const got: Got[] = [];
  const { url } = await serve((request, response) => {
    void (async () => {
      const path = request.url ?? '';
      const text = await textOf(request);
      const body = asObject(text === '' ? {} : JSON.parse(text)) ?? {};
      got.push({ path, body, authorization: request.headers.authorization });
      const reply = (known[path] ?? missing)(body);
      if ('events' in reply) {
        response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' });
        for (const event of reply.events) response.write(`data: ${JSON.stringify(event)}\n\n`);
        response.end('data: [DONE]\n\n');
      } else {
        response.writeHead(reply.status ?? 200, { 'content-type': 'application/json' });
        response.end(JSON.stringify(reply.json));
      }
    })();
  });
  return { url, got };
}
