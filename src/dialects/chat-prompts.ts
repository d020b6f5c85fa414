/**
 * The prompts that a server makes of chats, told as ids: by its tokenizer's endpoint where that reads
 * messages as chat does, else by a chat for one token. Each is asked for once.
 */
import { SeamstressError } from '../errors.ts';
import type { HttpClient } from '../wire/http.ts';
import type { ChatRequest, Rendered, SentRequest } from './dialect.ts';
import type { JsonObject } from './json.ts';
import { Memo } from './memo.ts';
import { CHAT_PATH } from './openai.ts';
import { tokensOf, type ServedTokenizer } from './served-tokenizer.ts';
import type { Spent } from './spent.ts';

/** How a server is asked for the prompt of a chat. */
export interface PromptOracle {
  /** Who tells it: the tokenizer's endpoint, or a chat for one token. */
  readonly by: 'tokenize' | 'chat';
  /** The path of the tokenizer's endpoint. */
  readonly path: string;
  /** The part of a chat request that the prompt is made of. */
  readonly template: (request: ChatRequest) => JsonObject;
  /** Added to it, for a chat that tells its prompt at the least cost. */
  readonly oneToken: JsonObject;
  /** The ids that the answer of such a chat tells. */
  readonly seen: (answer: unknown) => readonly number[] | undefined;
}

export class ChatPrompts {
  readonly #http: HttpClient;
  readonly #oracle: PromptOracle;
  readonly #spent: Spent;
  readonly #known = new Memo<readonly number[]>(20_000);

  constructor(http: HttpClient, oracle: PromptOracle, spent: Spent) {
    this.#http = http;
    this.#oracle = oracle;
    this.#spent = spent;
  }

  async ids(request: ChatRequest, signal: AbortSignal): Promise<readonly number[]> {
    const { path, body } = this.#asked(request);
    return await this.#known.get(JSON.stringify(body), async () => {
      const answer = (await this.#http.json('POST', path, body, signal)).body;
      return this.#oracle.by === 'tokenize' ? tokensOf(answer, path) : this.#told(answer);
    });
  }

  /** The ids with their text, and the request that gives them. */
  async rendered(
    request: ChatRequest,
    tokenizer: ServedTokenizer,
    signal: AbortSignal,
  ): Promise<Rendered> {
    const ids = await this.ids(request, signal);
    const text = await tokenizer.text(ids, signal);
    return { ids, text, source: 'server', requests: [this.#request(request)] };
  }

  #request(request: ChatRequest): SentRequest {
    const { path, body } = this.#asked(request);
    return this.#http.request('POST', path, body);
  }

  #asked(request: ChatRequest): { readonly path: string; readonly body: JsonObject } {
    const { by, path, template, oneToken } = this.#oracle;
    const body = template(request);
    return by === 'tokenize' ? { path, body } : { path: CHAT_PATH, body: { ...body, ...oneToken } };
  }

  /** What a chat for one token tells; its prompt was computed, and the token generated. */
  #told(answer: unknown): readonly number[] {
    const ids = this.#oracle.seen(answer);
    if (ids === undefined)
      throw new SeamstressError('target', 'a chat answer lacks the prompt_token_ids');
    this.#spent.add(ids.length, 1);
    return ids;
  }
}

/** The error of a chat that had another prompt than the one that was told for it. */
export function otherPrompt(teller: string): SeamstressError {
  return new SeamstressError(
    'target',
    `the prompt of a chat answer is not the one that ${teller} for the same messages`,
    { hint: 'The prompt check cannot be trusted for such requests on this server.' },
  );
}
