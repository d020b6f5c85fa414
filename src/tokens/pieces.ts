/** The bytes that each token stands for. */
import { flatten } from './definition.ts';
import type { Definition } from './definition.ts';

/** How a tokenizer writes bytes into its vocabulary. */
export interface Spelling {
  /** Byte-level BPE: every byte is a printable character. Otherwise SentencePiece: text with `▁`. */
  readonly byteLevel: boolean;
  /** Decoding a whole text drops its first space, which encoding adds. */
  readonly dropsFirstSpace: boolean;
  /** The bytes of each id; ids that the tokenizer doesn't know are absent. */
  readonly pieces: ReadonlyMap<number, Uint8Array>;
}

/** Reads the vocabulary; undefined for spellings other than these two. */
export function spellingOf(definition: Definition): Spelling | undefined {
  const decoders = flatten(definition.decoder);
  const has = (type: string): boolean => decoders.some((decoder) => decoder.type === type);
  const byteLevel =
    has('ByteLevel') ||
    flatten(definition.pre_tokenizer).some((stage) => stage.type === 'ByteLevel');
  const replaces = decoders.some(
    (decoder) =>
      decoder.type === 'Replace' && decoder['content'] === ' ' && patternOf(decoder) === '▁',
  );
  if (!byteLevel && !replaces && !has('Metaspace')) return undefined;
  const fallback = has('ByteFallback') || definition.model.byte_fallback === true;
  const spell = byteLevel ? byteLevelBytes : (token: string) => sentencePieceBytes(token, fallback);

  const pieces = new Map<number, Uint8Array>();
  for (const [token, id] of vocabularyOf(definition)) pieces.set(id, spell(token));
  for (const token of definition.added_tokens) pieces.set(token.id, encoder.encode(token.content));
  const dropsFirstSpace = decoders.some(
    (decoder) =>
      (decoder.type === 'Strip' && decoder['content'] === ' ' && Number(decoder['start']) > 0) ||
      (decoder.type === 'Metaspace' && decoder['prepend_scheme'] !== 'never'),
  );
  return { byteLevel, dropsFirstSpace, pieces };
}

/** Token and id, for either form of vocabulary. */
export function vocabularyOf(definition: Definition): [string, number][] {
  const { vocab } = definition.model;
  return Array.isArray(vocab)
    ? (vocab as readonly (readonly [string, number])[]).map(([token], id) => [token, id])
    : Object.entries(vocab as Readonly<Record<string, number>>);
}

function patternOf(component: { readonly [field: string]: unknown }): unknown {
  const pattern = component['pattern'];
  return typeof pattern === 'object' && pattern !== null
    ? Reflect.get(pattern, 'String')
    : undefined;
}

const encoder = new TextEncoder();

function sentencePieceBytes(token: string, fallback: boolean): Uint8Array {
  const byte = fallback ? /^<0x([0-9A-Fa-f]{2})>$/.exec(token)?.[1] : undefined;
  return byte === undefined
    ? encoder.encode(token.replaceAll('▁', ' '))
    : Uint8Array.of(Number.parseInt(byte, 16));
}

/** A token with a character outside the byte alphabet was never made of bytes: it is its own text. */
function byteLevelBytes(token: string): Uint8Array {
  const bytes: number[] = [];
  for (const character of token) {
    const byte = BYTE_OF.get(character);
    if (byte === undefined) return encoder.encode(token);
    bytes.push(byte);
  }
  return Uint8Array.from(bytes);
}

/** GPT-2's alphabet: printable Latin-1 stands for itself, the other bytes for U+0100 onwards. */
const BYTE_OF: ReadonlyMap<string, number> = (() => {
  const map = new Map<string, number>();
  let next = 0x100;
  for (let byte = 0; byte < 256; byte++) {
    const printable = (byte > 0x20 && byte < 0x7f) || (byte > 0xa0 && byte !== 0xad);
    map.set(String.fromCodePoint(printable ? byte : next++), byte);
  }
  return map;
})();
