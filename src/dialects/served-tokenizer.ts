/**
 * The tokenizer of a server that tells ids of its tokens and no bytes. Texts are encoded by the
 * server; what a token stands for comes from its vocabulary.
 */
import { SeamstressError } from '../errors.ts';
import { idsOf, type TokenEvent } from '../seam/generation.ts';
import type { HttpClient } from '../wire/http.ts';
import { asIds, asObject, asString, type JsonObject } from './json.ts';
import { Memo } from './memo.ts';
import { remoteVocabulary, type RemoteTokenizer, type Vocabulary } from './vocabulary.ts';

/** Of a token whose bytes are not known yet. */
export const NO_BYTES: Uint8Array = new Uint8Array();

export class ServedTokenizer {
  readonly #remote: RemoteTokenizer;
  readonly #vocabulary: Vocabulary;
  readonly #encoded = new Memo<readonly number[]>(20_000);

  /** @param vocabulary undefined to learn it from the server */
  constructor(remote: RemoteTokenizer, vocabulary: Vocabulary | undefined) {
    this.#remote = remote;
    this.#vocabulary =
      vocabulary ??
      remoteVocabulary({
        encode: (text, signal) => this.encode(text, signal),
        decode: (ids, signal) => remote.decode(ids, signal),
      });
  }

  /** As the server does for prompts: control tokens are recognised. Each text is asked for once. */
  async encode(text: string, signal: AbortSignal): Promise<readonly number[]> {
    return await this.#encoded.get(text, () => this.#remote.encode(text, signal));
  }

  /** Text that looks like a control token stays text. */
  async encodePlain(text: string, signal: AbortSignal): Promise<readonly TokenEvent[]> {
    const ids = await this.#vocabulary.encodePlain(text, signal);
    const tokens = ids.map((id): TokenEvent => ({ id, bytes: NO_BYTES }));
    return await this.spell(tokens, false, signal);
  }

  async text(ids: readonly number[], signal: AbortSignal): Promise<string> {
    return await this.#vocabulary.text(ids, signal);
  }

  /**
   * Writes its bytes into each of the tokens, which nobody else has yet: a copy of each would cost
   * most of all.
   *
   * @param ended the last token ended the generation; servers do not print it
   */
  async spell<T extends TokenEvent>(
    tokens: T[],
    ended: boolean,
    signal: AbortSignal,
  ): Promise<T[]> {
    const printed = idsOf(tokens, 0, tokens.length - (ended ? 1 : 0));
    const bytes = await this.#vocabulary.bytes(printed, signal);
    const unprinted: { bytes: Uint8Array }[] = tokens;
    for (const [i, token] of unprinted.entries()) token.bytes = bytes[i] ?? NO_BYTES;
    return tokens;
  }
}

/**
 * Whether the last token of a chat ended the generation, instead of a limit or a string.
 *
 * @param stoppedBy the string or the id that the server says it stopped at
 */
export function endedByToken(finish: string | undefined, stoppedBy: unknown): boolean {
  return finish !== undefined && finish !== 'length' && typeof stoppedBy !== 'string';
}

/** Where a server tokenizes, in vLLM's form. */
export interface TokenizerPaths {
  readonly tokenize: string;
  readonly detokenize: string;
  /** The field of a detokenized text. */
  readonly text: string;
  /** Sent with ids to be detokenized. */
  readonly more?: JsonObject;
}

/** A server's tokenizer, in vLLM's form. */
export function tokenizerOf(
  http: HttpClient,
  model: string,
  paths: TokenizerPaths,
): RemoteTokenizer {
  const { tokenize, detokenize } = paths;
  return {
    async encode(text, signal) {
      const reply = await http.json('POST', tokenize, tokenizeBody(model, text), signal);
      return tokensOf(reply.body, tokenize);
    },
    async decode(ids, signal) {
      const body = { model, tokens: ids, ...paths.more };
      const reply = await http.json('POST', detokenize, body, signal);
      const text = asString(asObject(reply.body)?.[paths.text]);
      if (text === undefined)
        throw new SeamstressError('target', `${detokenize} answered without a text`);
      return text;
    },
  };
}

/** Asks for the ids of a text, and for nothing before them. */
export function tokenizeBody(model: string, text: string): JsonObject {
  return { model, prompt: text, add_special_tokens: false };
}

/**
 * The ids that a tokenizer's endpoint answered.
 *
 * @throws {SeamstressError} `target` when there are none
 */
export function tokensOf(body: unknown, path: string): readonly number[] {
  const ids = asIds(asObject(body)?.['tokens']);
  if (ids === undefined)
    throw new SeamstressError('target', `${path} answered without a list of token ids`);
  return ids;
}
