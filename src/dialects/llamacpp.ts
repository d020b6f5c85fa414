/**
 * llama.cpp's server, and the embedded reference server that speaks the same API.
 *
 * - The prompt oracle is `/apply-template` and `/tokenize`: the server's own template handler and
 *   tokenizer, without a generation.
 * - A chat stream tells the ids of visible tokens only (`logprobs`); `timings.predicted_n` tells
 *   how many tokens stand behind each chunk. `/completion` without streaming tells every id.
 * - With tools the server refuses log-probabilities in a stream, so that no ids are seen there.
 */
import { SeamstressError } from '../errors.ts';
import { HttpClient } from '../wire/http.ts';
import { chooseModel, httpOptions, probe, TOKENIZER_PROBE } from './acquaint.ts';
import type { ConnectOptions, Dialect, Target } from './dialect.ts';
import { identityOf, tokenizerHash } from './identity.ts';
import { asNumber, asObject, asString } from './json.ts';
import { LlamacppTarget } from './llamacpp-target.ts';
import {
  LlamacppTokenizer,
  TEXTS,
  TOKENIZE,
  tokenizeBody,
  tokenizesSeveral,
} from './llamacpp-tokenizer.ts';
import { tokensOf } from './served-tokenizer.ts';

const KIND = 'llama.cpp';

export const llamacpp: Dialect = {
  name: 'llama.cpp',
  limits: [
    'a chat stream does not tell the ids of hidden tokens (think tags, tool-call frames)',
    'with tools, a chat stream tells no ids at all',
    '/v1/messages and /v1/responses: no ids, of a prompt only its number of tokens',
    '/v1/messages always goes on from the warm cache, and /v1/responses calls an answer at its limit completed',
  ],
  async recognises(ask) {
    const props = asObject(await ask({ method: 'GET', path: '/props' }));
    return props?.['chat_template'] !== undefined || props?.['build_info'] !== undefined;
  },
  connect: connectLlamacpp,
};

/**
 * Threads that a server has besides one for each slot: two in older builds, four in newer ones.
 * A connection keeps one of them even while it is idle; one that finds none waits for seconds.
 * Source: `n_threads_http` in tools/server/server-http.cpp.
 */
const SPARE_THREADS = 2;

async function connectLlamacpp(options: ConnectOptions, signal: AbortSignal): Promise<Target> {
  const http = new HttpClient(httpOptions(options));
  try {
    const props =
      asObject(await probe(http, { kind: KIND, method: 'GET', path: '/props' }, signal)) ?? {};
    const chatTemplate = asString(props['chat_template']);
    if (chatTemplate === undefined)
      throw new SeamstressError(
        'target',
        `${http.url} is not a llama.cpp server: /props has no chat_template`,
        {
          hint: 'Give the root URL of a llama.cpp server.',
        },
      );
    const slots = asNumber(props['total_slots']);
    if (slots !== undefined) http.narrow(slots + SPARE_THREADS);
    const { name: model } = await chooseModel(http, KIND, options.model, signal);
    const several = await tokenizesSeveral(http, signal);
    const body = tokenizeBody(TOKENIZER_PROBE);
    const tokenize = { kind: KIND, method: 'POST', path: TOKENIZE, body } as const;
    const probeIds = several ?? tokensOf(await probe(http, tokenize, signal), TOKENIZE);
    const build = asString(props['build_info']);
    const identity = identityOf(options, {
      dialect: llamacpp.name,
      url: http.url,
      model,
      engine: { name: build?.startsWith('reference') === true ? 'reference' : KIND, build },
      chatTemplate,
      tokenizerSha256: tokenizerHash(probeIds),
    });
    const tokenizer = new LlamacppTokenizer(http, several === undefined ? 1 : TEXTS);
    return new LlamacppTarget({ http, identity, chatTemplate, tokenizer });
  } catch (error) {
    await http.close();
    throw error;
  }
}
