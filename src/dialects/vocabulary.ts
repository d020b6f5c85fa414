/**
 * What a server's tokens stand for, where the server tells ids and no bytes: from the model's own
 * tokenizer file, or else learned from the server, text by text.
 */
import type { LocalTokenizer } from '../tokens/tokenizer.ts';
import { Memo } from './memo.ts';

export interface Vocabulary {
  /**
   * The bytes that each token adds to a text. Of a token that ends inside a character a server
   * tells nothing; then the bytes come with the token that completes the character, and the ones
   * before it have none.
   */
  bytes(ids: readonly number[], signal: AbortSignal): Promise<readonly Uint8Array[]>;
  text(ids: readonly number[], signal: AbortSignal): Promise<string>;
  /** Encodes what a model might have written: text that looks like a control token stays text. */
  encodePlain(text: string, signal: AbortSignal): Promise<readonly number[]>;
}

/** Exact, from `tokenizer.json`. */
export function localVocabulary(tokenizer: LocalTokenizer): Vocabulary {
  return {
    bytes: (ids) => Promise.resolve(ids.map((id) => tokenizer.bytes(id))),
    text: (ids) => Promise.resolve(tokenizer.decode(ids)),
    encodePlain: (text) => Promise.resolve(plainIds(tokenizer, text)),
  };
}

/**
 * Added tokens that are not special, such as `<think>`, are what a model writes and stay tokens;
 * between them a text is encoded as if the special ones did not exist.
 */
function plainIds(tokenizer: LocalTokenizer, text: string): number[] {
  const ids = tokenizer.encode(text);
  if (!ids.some((id) => tokenizer.isSpecial(id))) return ids;
  const plain: number[] = [];
  let run: number[] = [];
  const endRun = (): void => {
    const special = run.some((id) => tokenizer.isSpecial(id));
    plain.push(...(special ? tokenizer.encodePlain(tokenizer.decode(run)) : run));
    run = [];
  };
  for (const id of ids) {
    if (tokenizer.isAdded(id) && !tokenizer.isSpecial(id)) {
      endRun();
      plain.push(id);
    } else run.push(id);
  }
  endRun();
  return plain;
}

/** A server's `/tokenize` and `/detokenize`. */
export interface RemoteTokenizer {
  encode(text: string, signal: AbortSignal): Promise<readonly number[]>;
  decode(ids: readonly number[], signal: AbortSignal): Promise<string>;
}

/** Control tokens of the common chat templates. */
const LOOK_ALIKE =
  /<\|[^|<>\s]+\|>|<\/?s>|<(?:bos|eos|pad|unk)>|<(?:start|end)_of_turn>|\[\/?(?:INST|THINK)\]/g;

/** Put before a token to be decoded: some tokenizers drop the first space of a text. */
const ANCHOR = 'a';
const BROKEN = '\uFFFD';

/**
 * As exact as decoding allows. A look-alike of a control token is encoded in two pieces, since in
 * one the server takes it for the real one: the tokens spell the text, but a model may have
 * chosen others.
 */
export function remoteVocabulary(remote: RemoteTokenizer): Vocabulary {
  const decoded = new Memo<string>(100_000);
  const anchor = new Memo<readonly number[]>(1);

  const decode = async (ids: readonly number[], signal: AbortSignal): Promise<string> => {
    const before = await anchor.get(ANCHOR, () => remote.encode(ANCHOR, signal));
    const text = await decoded.get(ids.join(' '), () => remote.decode([...before, ...ids], signal));
    return text.slice(ANCHOR.length);
  };

  return {
    text: (ids, signal) => remote.decode(ids, signal),
    async bytes(ids, signal) {
      const all: Uint8Array[] = [];
      let open: number[] = [];
      for (const id of ids) {
        open.push(id);
        const text = await decode(open, signal);
        const whole = !text.includes(BROKEN);
        all.push(whole ? new TextEncoder().encode(text) : new Uint8Array());
        if (whole) open = [];
      }
      return all;
    },
    async encodePlain(text, signal) {
      const pieces: string[] = [];
      let from = 0;
      for (const match of text.matchAll(LOOK_ALIKE)) {
        if ((await remote.encode(match[0], signal)).length !== 1) continue;
        pieces.push(text.slice(from, match.index + 1));
        from = match.index + 1;
      }
      pieces.push(text.slice(from));
      const encoded = await Promise.all(pieces.map((piece) => remote.encode(piece, signal)));
      return encoded.flat();
    },
  };
}
