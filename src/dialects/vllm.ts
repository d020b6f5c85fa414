/**
 * vLLM's OpenAI-compatible server.
 *
 * - The prompt oracle is `/tokenize` with messages, or a chat for one token (see `vllm-oracle.ts`).
 *   Every chat is held against it.
 * - `return_token_ids` tells every generated id, hidden ones included.
 * - Servers give the text of a token, not its bytes: those come from the model's tokenizer file,
 *   or else from `/detokenize` (see `vocabulary.ts`).
 */
import { SeamstressError } from '../errors.ts';
import { HttpClient } from '../wire/http.ts';
import { chooseModel, httpOptions, probe, TOKENIZER_PROBE } from './acquaint.ts';
import type { ConnectOptions, Dialect, Target } from './dialect.ts';
import { identityOf, tokenizerHash } from './identity.ts';
import { asIds, asNumber, asObject, asString } from './json.ts';
import { tokenizeBody, tokensOf } from './served-tokenizer.ts';
import { vocabularyOfFile } from './tokenizer-file.ts';
import { examineOracle, TOKENIZE } from './vllm-oracle.ts';
import { VllmTarget } from './vllm-target.ts';

const KIND = 'vLLM';

export const vllm: Dialect = {
  name: 'vllm',
  limits: [
    'without the tokenizer file, a token that ends inside a character has no bytes of its own',
    'the chat template is known only of servers that seamstress started',
    'cached prompt tokens are told only with --enable-prompt-tokens-details',
    '/v1/messages and /v1/responses: no ids, and prompts only with --enable-scale-out, else their number of tokens',
  ],
  async recognises(ask) {
    const version = asObject(await ask({ method: 'GET', path: '/version' }))?.['version'];
    if (asString(version) === undefined) return false;
    const body = { prompt: 'a', add_special_tokens: false };
    const reply = asObject(await ask({ method: 'POST', path: '/tokenize', body }));
    return (
      asIds(reply?.['tokens']) !== undefined && asNumber(reply?.['max_model_len']) !== undefined
    );
  },
  connect: connectVllm,
};

async function connectVllm(options: ConnectOptions, signal: AbortSignal): Promise<Target> {
  const http = new HttpClient(httpOptions(options));
  try {
    const said = await probe(http, { kind: KIND, method: 'GET', path: '/version' }, signal);
    const version = asString(asObject(said)?.['version']);
    if (version === undefined)
      throw new SeamstressError('target', `${http.url} is not a vLLM server: /version has none`, {
        hint: 'Give the root URL of a vLLM server.',
      });
    const model = await chooseModel(http, KIND, options.model, signal);
    const body = tokenizeBody(model.id, TOKENIZER_PROBE);
    const tokenize = { kind: KIND, method: 'POST', path: TOKENIZE, body } as const;
    const probeIds = tokensOf(await probe(http, tokenize, signal), TOKENIZE);
    const { url } = http;
    const vocabulary = await vocabularyOfFile(options, { url, root: model.root, probeIds });
    const chatTemplate = options.files?.chatTemplate;
    const identity = identityOf(options, {
      dialect: vllm.name,
      url,
      model: model.name,
      engine: {
        name: 'vllm',
        // What a server says of itself, unless it is what is known anyway.
        build: options.engine?.version === version ? undefined : version,
      },
      chatTemplate,
      tokenizerSha256: tokenizerHash(probeIds),
    });
    const oracle = await examineOracle(http, model.id, signal);
    return new VllmTarget({ http, identity, model, chatTemplate, vocabulary, oracle });
  } catch (error) {
    await http.close();
    throw error;
  }
}
