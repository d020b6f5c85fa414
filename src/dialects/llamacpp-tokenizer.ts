/** llama.cpp's `/tokenize`: newer servers take several texts in one request. */
import { SeamstressError } from '../errors.ts';
import type { TokenEvent } from '../seam/generation.ts';
import type { HttpClient } from '../wire/http.ts';
import { TOKENIZER_PROBE } from './acquaint.ts';
import { Batch } from './batch.ts';
import { asArray, asBytes, asNumber, asObject, type JsonObject } from './json.ts';
import { Memo } from './memo.ts';
import { tokensOf } from './served-tokenizer.ts';

export const TOKENIZE = '/tokenize';

/** `/tokenize` takes a list of texts and ids, and gives ids back as they are: this one parts the texts. */
const BETWEEN = -1;
/** Texts of one request at most. */
export const TEXTS = 64;

interface Text {
  readonly text: string;
  readonly signal: AbortSignal;
}

export class LlamacppTokenizer {
  readonly #http: HttpClient;
  readonly #texts: Batch<Text, readonly number[]>;
  readonly #encoded = new Memo<readonly number[]>(20_000);
  /** Apart from `#encoded`: a server may know more of a text that it rendered itself. */
  readonly #rendered = new Memo<readonly number[]>(20_000);

  /** @param texts texts that the server tokenizes in one request at most */
  constructor(http: HttpClient, texts: number) {
    this.#http = http;
    this.#texts = new Batch((asked) => this.#tokenizeAll(asked), texts);
  }

  /** The ids of any text; each is asked for once. */
  async encode(text: string, signal: AbortSignal): Promise<readonly number[]> {
    return await this.#encoded.get(text, () => this.#texts.get({ text, signal }));
  }

  /** The ids of a prompt that the server has just rendered. */
  async encodeRendered(text: string, signal: AbortSignal): Promise<readonly number[]> {
    return await this.#rendered.get(text, () => this.#texts.get({ text, signal }));
  }

  /** Text that looks like a control token stays text. */
  async encodePlain(text: string, signal: AbortSignal): Promise<readonly TokenEvent[]> {
    const body = { ...tokenizeBody(text), parse_special: false, with_pieces: true };
    const reply = await this.#http.json('POST', TOKENIZE, body, signal);
    return asArray(asObject(reply.body)?.['tokens']).map(readPiece);
  }

  async #tokenizeAll(asked: readonly Text[]): Promise<readonly (readonly number[])[]> {
    const [first] = asked;
    if (first === undefined) return [];
    const content =
      asked.length === 1
        ? first.text
        : asked.flatMap(({ text }, i) => (i === 0 ? [text] : [BETWEEN, text]));
    const reply = await this.#http.json('POST', TOKENIZE, tokenizeBody(content), first.signal);
    const ids = tokensOf(reply.body, TOKENIZE);
    const lists = asked.length === 1 ? [ids] : apart(ids);
    if (lists.length !== asked.length)
      throw new SeamstressError('target', '/tokenize answered for another number of texts');
    return lists;
  }
}

/** The ids of the probe text when the server tokenizes several texts at once; undefined when it does not. */
export async function tokenizesSeveral(
  http: HttpClient,
  signal: AbortSignal,
): Promise<readonly number[] | undefined> {
  try {
    const body = tokenizeBody([TOKENIZER_PROBE, BETWEEN, TOKENIZER_PROBE]);
    const reply = await http.json('POST', TOKENIZE, body, signal);
    const [first, second, ...more] = apart(tokensOf(reply.body, TOKENIZE));
    const fits = first !== undefined && first.length > 0 && first.join() === second?.join();
    return fits && more.length === 0 ? first : undefined;
  } catch (error) {
    if (signal.aborted) throw error;
    return undefined;
  }
}

/** Asks for the ids of a text, and for nothing before them. */
export function tokenizeBody(content: string | readonly (string | number)[]): JsonObject {
  return { content, add_special: false, parse_special: true };
}

/** The lists between the parting ids. */
function apart(ids: readonly number[]): number[][] {
  const lists: number[][] = [[]];
  for (const id of ids)
    if (id === BETWEEN) lists.push([]);
    else lists.at(-1)?.push(id);
  return lists;
}

/** `piece` is a string, or a list of bytes where the token is not whole characters. */
function readPiece(value: unknown): TokenEvent {
  const token = asObject(value);
  const id = asNumber(token?.['id']);
  const piece = token?.['piece'];
  if (id === undefined) throw new SeamstressError('target', '/tokenize answered without pieces');
  return {
    id,
    bytes: typeof piece === 'string' ? new TextEncoder().encode(piece) : asBytes(piece),
  };
}
