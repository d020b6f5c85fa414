/**
 * The thinker's tokenizer, as llama.cpp uses it: the text is taken as it is (the file's NFC
 * normalizer is not applied), the four think and tool tags are tokens wherever they stand, and
 * control tokens are recognised only where the caller says so.
 */
import { readFileSync } from 'node:fs';
import { Tokenizer } from '@huggingface/tokenizers';
import { Lru } from './lru.ts';

const FOLDER = new URL('../../models/thinker/hf/', import.meta.url);

/** Reads one of the thinker's own files. */
export function readModelFile(name: string): string {
  return readFileSync(new URL(name, FOLDER), 'utf8');
}

interface AddedToken {
  readonly id: number;
  readonly content: string;
  readonly special: boolean;
}

interface TokenizerFile {
  readonly added_tokens: readonly AddedToken[];
  readonly model: { readonly vocab: Readonly<Record<string, number>> };
}

export class Vocabulary {
  readonly size: number;
  readonly #bpe: Tokenizer;
  readonly #bytes: readonly Uint8Array[];
  readonly #added: ReadonlyMap<string, number>;
  readonly #control: ReadonlySet<number>;
  readonly #tags: ReadonlySet<number>;
  #byText: ReadonlyMap<string, number> | undefined;
  readonly #anyTag: RegExp;
  readonly #plainTag: RegExp;
  readonly #controlText: RegExp;
  readonly #segments = new Lru<string, readonly number[]>(20_000);

  constructor(file: TokenizerFile, config: object) {
    this.#bpe = new Tokenizer({ ...file, added_tokens: [], normalizer: null }, config);
    this.#added = new Map(file.added_tokens.map((token) => [token.content, token.id]));
    const control = file.added_tokens.filter((token) => token.special);
    this.#control = new Set(control.map((token) => token.id));
    this.#tags = new Set(file.added_tokens.map((token) => token.id));
    this.#anyTag = alternatives(file.added_tokens);
    this.#plainTag = alternatives(file.added_tokens.filter((token) => !token.special));
    this.#controlText = alternatives(control);
    const bytes: Uint8Array[] = [];
    for (const [piece, id] of Object.entries(file.model.vocab)) bytes[id] = bytesOfPiece(piece);
    for (const token of file.added_tokens)
      bytes[token.id] = new TextEncoder().encode(token.content);
    this.#bytes = bytes;
    this.size = bytes.length;
  }

  /** The id of a tag or control token by its text. */
  id(text: string): number {
    const id = this.#added.get(text);
    if (id === undefined) throw new Error(`the tokenizer has no token ${text}`);
    return id;
  }

  has(id: number): boolean {
    return id >= 0 && id < this.size;
  }

  isControl(id: number): boolean {
    return this.#control.has(id);
  }

  /** A token's bytes; for a control token those of its name. */
  bytes(id: number): Uint8Array {
    return this.#bytes[id] ?? new Uint8Array();
  }

  /** What a server prints of a token: nothing for control tokens. */
  printed(id: number): Uint8Array {
    return this.isControl(id) ? new Uint8Array() : this.bytes(id);
  }

  /** A token's text; U+FFFD stands for bytes that are no whole character. */
  textOf(id: number): string {
    return Buffer.from(this.bytes(id)).toString('utf8');
  }

  /** The token that is just this text and no tag or control token, if there is one. */
  find(text: string): number | undefined {
    this.#byText ??= new Map(
      this.#bytes.flatMap((_, id) => (this.#tags.has(id) ? [] : [[this.textOf(id), id] as const])),
    );
    return text.includes('\uFFFD') ? undefined : this.#byText.get(text);
  }

  join(ids: readonly number[]): Buffer {
    return Buffer.concat(ids.map((id) => this.bytes(id)));
  }

  /** True when a text contains the name of a control token. */
  looksSpecial(text: string): boolean {
    this.#controlText.lastIndex = 0;
    return this.#controlText.test(text);
  }

  /**
   * Breaks the names of control tokens by putting `guard` after their first character, so that
   * `encode` with the same guard takes them as plain text.
   */
  shield(text: string, guard: string): string {
    return text.replaceAll(this.#controlText, (name) => name.slice(0, 1) + guard + name.slice(1));
  }

  /**
   * Ids of a text. With `control` the names of control tokens become those tokens; `guard` is a
   * character that is removed from the plain text between tokens (see `shield`).
   */
  encode(
    text: string,
    options: { readonly control: boolean; readonly guard?: string | undefined },
  ): number[] {
    const { control, guard } = options;
    const ids: number[] = [];
    let at = 0;
    for (const match of text.matchAll(control ? this.#anyTag : this.#plainTag)) {
      this.#plain(text.slice(at, match.index), guard, ids);
      ids.push(this.id(match[0]));
      at = match.index + match[0].length;
    }
    this.#plain(text.slice(at), guard, ids);
    return ids;
  }

  #plain(text: string, guard: string | undefined, ids: number[]): void {
    if (text === '') return;
    const bare = unguard(text, guard);
    for (const id of this.#segments.getOrMake(bare, () => this.#bpe.encode(bare).ids)) ids.push(id);
  }
}

/** The text without its guards (see `Vocabulary.shield`). */
export function unguard(text: string, guard: string | undefined): string {
  return guard === undefined ? text : text.replaceAll(guard, '');
}

function alternatives(tokens: readonly AddedToken[]): RegExp {
  const texts = tokens.map((token) =>
    token.content.replaceAll(/[\\^$.*+?()[\]{}|]/g, String.raw`\$&`),
  );
  return new RegExp(texts.toSorted((a, b) => b.length - a.length).join('|'), 'g');
}

/** Byte-level BPE writes each byte as a printable character; this is that table, reversed. */
const BYTE_OF_CHARACTER: ReadonlyMap<string, number> = new Map(
  (() => {
    let next = 256;
    return Array.from(
      { length: 256 },
      (_, byte) => [String.fromCodePoint(isPrintable(byte) ? byte : next++), byte] as const,
    );
  })(),
);

function isPrintable(byte: number): boolean {
  return (byte > 32 && byte < 127) || (byte > 160 && byte !== 173);
}

function bytesOfPiece(piece: string): Uint8Array {
  return Uint8Array.from(piece, (character) => BYTE_OF_CHARACTER.get(character) ?? 0);
}

let loaded: Vocabulary | undefined;

/** The thinker's vocabulary; read on first use (about 70 ms) and shared. */
export function vocabulary(): Vocabulary {
  loaded ??= new Vocabulary(
    JSON.parse(readModelFile('tokenizer.json')) as TokenizerFile,
    JSON.parse(readModelFile('tokenizer_config.json')) as object,
  );
  return loaded;
}
