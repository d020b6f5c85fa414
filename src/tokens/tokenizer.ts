/** Tokenizers that run here, from the `tokenizer.json` that comes with a model. */
import { createHash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Tokenizer } from '@huggingface/tokenizers';
import { messageOf, SeamstressError } from '../errors.ts';
import { parseJson } from '../parse-json.ts';
import { readIfThere, readWithin } from '../read-file.ts';
import { boundariesOf } from './boundaries.ts';
import type { Boundaries } from './boundaries.ts';
import { flatten, repaired } from './definition.ts';
import type { Definition } from './definition.ts';
import { spellingOf } from './pieces.ts';
import { decodeUtf8 } from './utf8.ts';

export interface LocalTokenizer {
  /** Encodes as servers do for prompts: control tokens are recognised, no BOS or EOS is added. */
  encode(text: string): number[];
  /** Encodes with the text of special and added tokens taken for plain text. */
  encodePlain(text: string): number[];
  /** The bytes that a token adds to a text; none for an unknown id. Don't change them. */
  bytes(id: number): Uint8Array;
  /** The text of a whole sequence, with U+FFFD for broken parts. */
  decode(ids: readonly number[]): string;
  /** SHA-256 of `tokenizer.json`, in hexadecimal. */
  readonly sha256: string;
  /** One more than the highest id. */
  readonly vocabularySize: number;
  /** True for a control token, which most servers don't print. */
  isSpecial(id: number): boolean;
  /** True for tokens that are matched as a whole before all others: special ones, `<think>`, … */
  isAdded(id: number): boolean;
  /** True for the token that stands for what the vocabulary lacks. */
  isUnknown(id: number): boolean;
  /** What encoding makes of a text before it splits it, where that is more than a dummy prefix. */
  readonly normalize?: (text: string) => string;
  /** Decoding a whole text drops its first space, which encoding adds. */
  readonly dropsFirstSpace: boolean;
  /** A word that is a token as a whole is never built by merges (`ignore_merges`). */
  readonly ignoresMerges: boolean;
  /** Where texts may be taken apart; absent when that can't be told. */
  readonly boundaries?: Boundaries;
}

/**
 * Loads a tokenizer; takes 0.1 to 0.4 s for the vocabularies of large models.
 *
 * @param path - a `tokenizer.json`, or the folder that holds it; a `tokenizer_config.json` beside
 *   it is read too
 * @throws SeamstressError `config` when it is missing, broken or of a kind that isn't supported
 */
export async function loadTokenizer(path: string): Promise<LocalTokenizer> {
  const found = await stat(path).catch(() => undefined);
  const file = found?.isDirectory() === true ? join(path, 'tokenizer.json') : path;
  const wanted = { most: LARGEST, what: 'a tokenizer', hint: HINT };
  const bytes = readWithin(file, wanted);
  const configFile = join(dirname(file), 'tokenizer_config.json');
  const config = readIfThere(configFile, { ...wanted, what: 'its configuration' });
  const definition = { ...EMPTY, ...object(bytes.toString('utf8'), file) } as unknown as Definition;
  try {
    return build(
      definition,
      object(config?.toString('utf8') ?? '{}', configFile),
      createHash('sha256').update(bytes).digest('hex'),
    );
  } catch (error) {
    throw new SeamstressError('config', `${file}: not a usable tokenizer: ${messageOf(error)}`, {
      hint: 'Byte-level BPE, SentencePiece BPE and Unigram tokenizers are supported.',
      cause: error,
    });
  }
}

/** Largest file that is read, in bytes; those of today's models have 40 MB at most. */
const LARGEST = 128 * 1024 * 1024;
const HINT = 'Give a tokenizer.json or the folder that holds it.';

/** Fields that its reader wants to see even where they are null. */
const EMPTY = {
  normalizer: null,
  pre_tokenizer: null,
  post_processor: null,
  decoder: null,
  added_tokens: [],
};

function object(text: string, file: string): object {
  let value: unknown;
  try {
    value = parseJson(text);
  } catch (error) {
    throw new SeamstressError('config', `${file}: not JSON: ${messageOf(error)}`, {
      hint: HINT,
      cause: error,
    });
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new SeamstressError('config', `${file}: not a JSON object`);
  return value;
}

/** Options of old tokenizers that change a text before it is encoded. */
const REWRITING = ['remove_space', 'do_lowercase_and_remove_accent'];

function build(definition: Definition, config: object, sha256: string): LocalTokenizer {
  if (typeof definition.model !== 'object' || definition.model === null)
    throw new Error('the field "model" is missing');
  const spelling = spellingOf(definition);
  if (spelling === undefined)
    throw new Error(
      `can't tell the bytes of a ${definition.model.type ?? 'nameless'} model's tokens`,
    );
  const readable = repaired(definition);
  const tokenizer = reader(readable, config);
  let plain: Reader | undefined;

  const added = new Map(definition.added_tokens.map((token) => [token.id, token]));
  const { pieces, dropsFirstSpace } = spelling;
  const bytes = (id: number): Uint8Array => pieces.get(id) ?? NOTHING;
  const normalizer = tokenizer.normalizer;
  const normalizes =
    normalizer !== null &&
    flatten(definition.normalizer).some(
      (part) => part.type !== 'Prepend' && part.type !== 'Replace',
    );
  const boundaries = REWRITING.some((option) => Reflect.get(config, option) === true)
    ? undefined
    : boundariesOf(readable);
  const unknown = unknownId(definition);

  return {
    encode: (text) => tokenizer.encode(text, BARE).ids,
    encodePlain(text) {
      plain ??= reader({ ...readable, added_tokens: [] }, config);
      return plain.encode(text, BARE).ids;
    },
    bytes,
    decode(ids) {
      const text = decodeUtf8(Buffer.concat(ids.map(bytes)));
      return dropsFirstSpace && text.startsWith(' ') ? text.slice(1) : text;
    },
    sha256,
    vocabularySize:
      pieces.size === 0 ? 0 : Array.from(pieces.keys()).reduce((a, b) => Math.max(a, b)) + 1,
    isSpecial: (id) => added.get(id)?.special === true,
    isAdded: (id) => added.has(id),
    isUnknown: (id) => id === unknown || !pieces.has(id),
    dropsFirstSpace,
    ignoresMerges: definition.model.ignore_merges === true,
    ...(normalizes ? { normalize: (text: string) => normalizer.normalize(text) } : {}),
    ...(boundaries === undefined ? {} : { boundaries }),
  };
}

/** What we use of the library; its own declarations don't resolve under `nodenext`. */
interface Reader {
  encode(text: string, options: { add_special_tokens: boolean }): { ids: number[] };
  readonly normalizer: { normalize(text: string): string } | null;
}

const BARE = { add_special_tokens: false };

function reader(definition: Definition, config: object): Reader {
  return new Tokenizer(definition, config) as Reader;
}

const NOTHING = new Uint8Array(0);

function unknownId(definition: Definition): number | undefined {
  const { model } = definition;
  const id: unknown = Reflect.get(model, 'unk_id');
  if (typeof id === 'number') return id;
  const token: unknown = Reflect.get(model, 'unk_token');
  const found = typeof token === 'string' ? Reflect.get(model.vocab, token) : undefined;
  return typeof found === 'number' ? found : undefined;
}
