/**
 * The stitched sequence of a finding, token by token: what the server should have seen, what it
 * saw, and what the uninterrupted run wrote after the cut. A record holds the bytes of generated
 * tokens only; those of other tokens are worked out from the prompt's text where there is one way.
 */
import { PHASES, type Phase } from '../seam/generation.ts';
import { showPiece } from '../tokens/text.ts';
import type { Finding } from './record.ts';

/** Bytes of the ids that some generation of a run wrote. */
export type Vocabulary = ReadonlyMap<number, Uint8Array>;

export interface StitchedToken {
  readonly id: number;
  /** Its text with visible whitespace; undefined when its bytes are not known. */
  readonly piece: string | undefined;
  /** `prompt` before the answer; undefined where the server saw something of its own. */
  readonly phase: Phase | 'prompt' | undefined;
}

export interface Stitched {
  /** Prompt and kept tokens: what a resumed prompt must be. */
  readonly wanted: readonly StitchedToken[];
  /** What the server saw; empty when it refused, or when nobody could tell. */
  readonly got: readonly StitchedToken[];
  /** Index of the first token that differs. */
  readonly at: number | undefined;
  /** What the uninterrupted run wrote after the cut. */
  readonly after: readonly StitchedToken[];
}

/** Longest piece that an unknown id is thought to have, in bytes. */
const LONGEST_PIECE = 64;

/** Bytes of a piece that are shown. */
const LONGEST_SHOWN = 256;

/** Most ids times bytes for which pieces are worked out. */
const MOST_WORK = 4_000_000;

/** The bytes of every id that the findings' generations hold. */
export function vocabularyOf(findings: readonly Finding[]): Vocabulary {
  const known = new Map<number, Uint8Array>();
  for (const { minimal } of findings)
    for (const { id, bytes } of minimal.generation.tokens)
      if (bytes !== '' && !known.has(id))
        known.set(id, new Uint8Array(Buffer.from(bytes, 'base64')));
  return known;
}

export function stitch({ minimal }: Finding, vocabulary: Vocabulary): Stitched {
  const { generation, k, expected, actual } = minimal;
  const { promptIds, tokens } = generation;
  const start = promptIds.length;
  const kept = tokens.slice(0, k).map((token) => token.id);
  const ids = expected.ids.length > 0 ? expected.ids : [...promptIds, ...kept];
  const phaseOf = (i: number): StitchedToken['phase'] =>
    i < start ? 'prompt' : phaseNamed(tokens[i - start]?.phase);
  const prompt = pieces(promptIds, generation.promptText, vocabulary);
  const whole = pieces(ids, expected.text, vocabulary);
  const wanted = ids.map((id, i) => ({
    id,
    piece: shown(whole[i] ?? (promptIds[i] === id ? prompt[i] : undefined)),
    phase: phaseOf(i),
  }));
  const at = actual.ids.length === 0 ? undefined : firstDifference(ids, actual.ids);
  const seen = pieces(actual.ids, actual.text, vocabulary);
  return {
    wanted,
    got: actual.ids.map((id, i) => ({
      id,
      piece: at === undefined || i < at ? wanted[i]?.piece : shown(seen[i]),
      phase: at === undefined || i < at ? phaseOf(i) : undefined,
    })),
    at,
    after: tokens.slice(ids.length - start).map((token) => ({
      id: token.id,
      piece: shown(new Uint8Array(Buffer.from(token.bytes, 'base64'))),
      phase: phaseNamed(token.phase),
    })),
  };
}

function phaseNamed(name: string | undefined): Phase | undefined {
  return PHASES.find((phase) => phase === name);
}

function shown(bytes: Uint8Array | undefined): string | undefined {
  if (bytes === undefined) return undefined;
  return bytes.length <= LONGEST_SHOWN
    ? showPiece(bytes)
    : `${showPiece(bytes.subarray(0, LONGEST_SHOWN))}…`;
}

/** Index of the first id that differs; undefined when both are the same. */
function firstDifference(a: readonly number[], b: readonly number[]): number | undefined {
  const length = Math.max(a.length, b.length);
  for (let i = 0; i < length; i++) if (a[i] !== b[i]) return i;
  return undefined;
}

/** Bytes of each id: known ones, and those that the text leaves one way for. */
function pieces(
  ids: readonly number[],
  text: string | undefined,
  vocabulary: Vocabulary,
): readonly (Uint8Array | undefined)[] {
  return (
    (text === undefined || text === '' ? undefined : align(ids, text, vocabulary)) ??
    ids.map((id) => vocabulary.get(id))
  );
}

/**
 * Cuts a text into the pieces of its ids. Over all ways to cut it, a boundary that lies at one
 * place only is certain, and so is a piece between two such boundaries.
 *
 * @returns undefined when the text is not the text of these ids, or too long to try
 */
export function align(
  ids: readonly number[],
  text: string,
  vocabulary: Vocabulary,
): (Uint8Array | undefined)[] | undefined {
  const bytes = Buffer.from(text);
  const size = bytes.length + 1;
  if (ids.length * size > MOST_WORK) return undefined;
  const ahead: Uint8Array[] = [new Uint8Array(size)];
  mark(ahead[0], 0);
  for (const id of ids)
    ahead.push(ends(ahead.at(-1) ?? new Uint8Array(size), bytes, vocabulary.get(id)));
  if (ahead.at(-1)?.[bytes.length] !== 1) return undefined;
  let back = new Uint8Array(size);
  mark(back, bytes.length);
  const boundaries: (number | undefined)[] = [bytes.length];
  for (let i = ids.length - 1; i >= 0; i--) {
    back = starts(back, bytes, vocabulary.get(ids[i] ?? -1));
    const before = ahead[i];
    back = back.map((reached, p) => reached & (before?.[p] ?? 0));
    const first = back.indexOf(1);
    boundaries.unshift(first === back.lastIndexOf(1) ? first : undefined);
  }
  return ids.map((id, i) => {
    const from = boundaries[i];
    const to = boundaries[i + 1];
    return (
      vocabulary.get(id) ??
      (from === undefined || to === undefined
        ? undefined
        : new Uint8Array(bytes.subarray(from, to)))
    );
  });
}

function mark(places: Uint8Array | undefined, at: number): void {
  if (places !== undefined) places[at] = 1;
}

/** Where a piece that starts at one of these places can end. */
function ends(from: Uint8Array, bytes: Buffer, piece: Uint8Array | undefined): Uint8Array {
  const to = new Uint8Array(from.length);
  let last = -Infinity;
  for (let p = 0; p < from.length; p++) {
    if (piece === undefined && p - last <= LONGEST_PIECE) to[p] = 1;
    if (from[p] !== 1) continue;
    last = p;
    if (piece !== undefined && holds(bytes, p, piece)) to[p + piece.length] = 1;
  }
  return to;
}

/** Where a piece that ends at one of these places can start. */
function starts(
  to: Uint8Array,
  bytes: Buffer,
  piece: Uint8Array | undefined,
): Uint8Array<ArrayBuffer> {
  const from = new Uint8Array(to.length);
  let last = Infinity;
  for (let p = to.length - 1; p >= 0; p--) {
    if (piece === undefined && last - p <= LONGEST_PIECE) from[p] = 1;
    if (piece !== undefined && to[p + piece.length] === 1 && holds(bytes, p, piece)) from[p] = 1;
    if (to[p] === 1) last = p;
  }
  return from;
}

function holds(bytes: Buffer, at: number, piece: Uint8Array): boolean {
  if (at + piece.length > bytes.length) return false;
  for (let i = 0; i < piece.length; i++) if (bytes[at + i] !== piece[i]) return false;
  return true;
}

/** One column of a side-by-side difference. */
export interface DifferenceColumn {
  /** Index in the sequences; of the wanted one where they are shifted. */
  readonly index: number;
  readonly wanted: StitchedToken | undefined;
  readonly got: StitchedToken | undefined;
  readonly same: boolean;
}

/** The first difference with some tokens before it, and those after it that agree again. */
export interface Difference {
  readonly columns: readonly DifferenceColumn[];
  /** Differing tokens of this place that are not shown. */
  readonly leftOut: number;
  /** Whether the sequences differ again later. */
  readonly again: boolean;
}

/** Tokens that must agree for two sequences to count as in step again. */
const IN_STEP = 3;

/** Tokens of both sequences together that may be passed over to get in step. */
const MOST_APART = 200;

/** Lines the two sequences up around their first difference. */
export function differenceOf(
  { wanted, got, at }: Stitched,
  { before = 5, most = 16, after = 5 }: { before?: number; most?: number; after?: number } = {},
): Difference | undefined {
  if (at === undefined) return undefined;
  const [ours, theirs] = backInStep(wanted, got, at);
  const middle = Math.max(ours, theirs) - at;
  const columns: DifferenceColumn[] = [];
  for (let i = Math.max(0, at - before); i < at; i++)
    columns.push({ index: i, wanted: wanted[i], got: got[i], same: true });
  for (let i = at; i < at + Math.min(most, middle); i++) {
    const ourToken = i < ours ? wanted[i] : undefined;
    const theirToken = i < theirs ? got[i] : undefined;
    columns.push({
      index: i,
      wanted: ourToken,
      got: theirToken,
      same: ourToken?.id === theirToken?.id,
    });
  }
  let agree = 0;
  while (ours + agree < wanted.length && wanted[ours + agree]?.id === got[theirs + agree]?.id)
    agree++;
  if (middle <= most)
    for (let i = 0; i < Math.min(agree, after); i++)
      columns.push({
        index: ours + i,
        wanted: wanted[ours + i],
        got: asWanted(got[theirs + i], wanted[ours + i]),
        same: true,
      });
  return {
    columns,
    leftOut: Math.max(0, middle - most),
    again: ours + agree < wanted.length || theirs + agree < got.length,
  };
}

/** The piece of an id is the same on both sides, though only one side may know it. */
function asWanted(
  token: StitchedToken | undefined,
  other: StitchedToken | undefined,
): StitchedToken | undefined {
  return token === undefined || token.piece !== undefined
    ? token
    : { ...token, piece: other?.piece };
}

/** The nearest places at which both go on alike; their ends where there are none. */
function backInStep(
  wanted: readonly StitchedToken[],
  got: readonly StitchedToken[],
  at: number,
): [number, number] {
  const alike = (i: number, j: number): boolean => {
    if (i >= wanted.length || j >= got.length) return i >= wanted.length && j >= got.length;
    for (let step = 0; step < IN_STEP; step++)
      if (wanted[i + step]?.id !== got[j + step]?.id) return false;
    return true;
  };
  for (let apart = 1; apart <= MOST_APART; apart++) {
    // One for one first, then what one side has more of.
    const half = apart / 2;
    const splits = Array.from({ length: apart + 1 }, (_, i) => i).toSorted(
      (a, b) => Math.abs(a - half) - Math.abs(b - half),
    );
    for (const i of splits) if (alike(at + i, at + apart - i)) return [at + i, at + apart - i];
  }
  return [wanted.length, got.length];
}
