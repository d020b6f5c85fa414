/** Where each token of a sequence ends in the text of the whole. */
import type { LocalTokenizer } from './tokenizer.ts';
import { characterLength, decodeUtf8 } from './utf8.ts';

export interface Layout {
  readonly ids: readonly number[];
  /** The text of the sequence, as far as it is UTF-8. */
  readonly text: string;
  /**
   * Element i: how many UTF-16 units of the text the first i tokens make; `inside` when they end
   * within a character, `broken` when they hold bytes that can't be text.
   */
  readonly ends: Int32Array;
  readonly inside: -1;
  readonly broken: -2;
}

const INSIDE = -1;
const BROKEN = -2;

export function layOut(tokenizer: LocalTokenizer, ids: readonly number[]): Layout {
  const pieces = ids.map((id) => tokenizer.bytes(id));
  return layOutBytes(ids, pieces, tokenizer.dropsFirstSpace);
}

/** The same for ids whose bytes are known. */
export function layOutBytes(
  ids: readonly number[],
  pieces: readonly Uint8Array[],
  dropsFirstSpace = false,
): Layout {
  const bytes = Buffer.concat(pieces);
  const ends = new Int32Array(ids.length + 1);
  // Decoding drops the space that encoding adds, so that the text is what a client would hold.
  const start = dropsFirstSpace && bytes[0] === 0x20 ? 1 : 0;
  /** The next character starts at byte `at`, after `units` of text. */
  let at = start;
  let units = 0;
  let broken = false;
  let end = 0;
  for (const [i, piece] of pieces.entries()) {
    end += piece.length;
    while (at < end && !broken) {
      const length = characterLength(bytes, at);
      // Cut short only by the end of the sequence, it may still become a character.
      if (length === 0) broken = true;
      if (length <= 0 || at + length > end) break;
      at += length;
      units += length === 4 ? 2 : 1;
    }
    ends[i + 1] = broken ? BROKEN : at < end ? INSIDE : units;
  }
  return { ids, text: decodeUtf8(bytes.subarray(start, at)), ends, inside: INSIDE, broken: BROKEN };
}
