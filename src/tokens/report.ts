/**
 * The round-trip table: of all cuts of some texts or generations, how many do not come back from
 * their text, by kind of text and by class, alone and after the end of a prompt.
 */
import { layOut, layOutBytes } from './layout.ts';
import type { Layout } from './layout.ts';
import { minimalFailure } from './minimal.ts';
import type { Misfit, RoundTripTable, TableExample } from './reportSchema.ts';
import { Tally } from './rows.ts';
import type { Found } from './rows.ts';
import type { KindedText } from './samples.ts';
import { finish, sweep } from './sweep.ts';
import type { Failure } from './sweep.ts';
import { showPiece } from './text.ts';
import type { LocalTokenizer } from './tokenizer.ts';

/** A generation, or a text that plays the part of one. */
export interface KindedGeneration {
  /** What kind of text it is, or which scenario it comes from; each is a row of the table. */
  readonly kind: string;
  readonly ids: readonly number[];
  /** Each token's bytes as the server told them; empty for one that it does not print. */
  readonly bytes?: readonly Uint8Array[] | undefined;
  /** Ids of the prompt before it; without them the table's header stands there. */
  readonly header?: readonly number[] | undefined;
}

export interface TableOptions {
  /** Text before each generation that has no prompt of its own. Default: none. */
  readonly header?: string;
  /** UTF-16 units to encode at most for a text and surrounding, as a multiple of the text's length. */
  readonly effort?: number;
  /** UTF-16 units that any text may take, however short. */
  readonly least?: number;
}

/** Many times what the texts of people take; runs of one character without end need more. */
const DEFAULT_EFFORT = 40;
/** What a short text may always take. */
const LEAST_BUDGET = 500_000;
/** Failures of a class that are made small, to take the smallest. */
const CANDIDATES = 3;

/** The ids that a model would have generated for a text. */
export function generationOf(tokenizer: LocalTokenizer, text: KindedText): KindedGeneration {
  const ids = text.plain === true ? tokenizer.encodePlain(text.text) : tokenizer.encode(text.text);
  return { kind: text.kind, ids };
}

/**
 * Counts all cuts of some generations.
 *
 * @param tokenizer - undefined where there is none: then bytes are all there is to go by, and only
 *   cuts inside characters are found (`basis: 'bytes'`); generations without bytes stay untested
 */
export function roundTripTable(
  tokenizer: LocalTokenizer | undefined,
  generations: Iterable<KindedGeneration>,
  options: TableOptions = {},
): RoundTripTable {
  return finish(tableSteps(tokenizer, generations, options));
}

/**
 * The same, letting go of the thread now and then.
 *
 * @param signal - stops it; the table then says `complete: false` and holds what was finished
 */
export async function roundTripTableAsync(
  tokenizer: LocalTokenizer | undefined,
  generations: Iterable<KindedGeneration>,
  signal: AbortSignal,
  options: TableOptions = {},
): Promise<RoundTripTable> {
  const steps = tableSteps(tokenizer, generations, options, signal);
  let since = performance.now();
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
    if (performance.now() - since < SLICE_MS) continue;
    await new Promise((resolve) => setImmediate(resolve));
    since = performance.now();
  }
}

const SLICE_MS = 30;

function* tableSteps(
  tokenizer: LocalTokenizer | undefined,
  generations: Iterable<KindedGeneration>,
  { header = '', effort = DEFAULT_EFFORT, least = LEAST_BUDGET }: TableOptions,
  signal?: AbortSignal,
): Generator<undefined, RoundTripTable, void> {
  const rows = new Map<string, Tally>();
  const total = new Tally('all');
  const best = new Map<string, TableExample>();
  const misfits: Misfit[] = [];
  const headerIds = tokenizer?.encode(header) ?? [];
  const stopped = (): boolean => signal?.aborted === true;
  let ownHeaders = false;

  for (const generation of generations) {
    yield;
    if (stopped()) break;
    ownHeaders ||= generation.header !== undefined;
    const found =
      tokenizer === undefined
        ? byBytes(generation)
        : yield* byTokenizer(
            tokenizer,
            generation,
            headerIds,
            (bytes) => Math.max(least, effort * bytes),
            stopped,
          );
    if (found === undefined) break;
    const row = rows.get(generation.kind) ?? new Tally(generation.kind);
    rows.set(generation.kind, row);
    row.add(found);
    total.add(found);
    if (found.misfit !== undefined) misfits.push(found.misfit);
    for (const example of found.examples) {
      const key = [example.kind, example.class, example.fault, example.where].join();
      if (example.ids.length < (best.get(key)?.ids.length ?? Number.POSITIVE_INFINITY))
        best.set(key, example);
    }
  }
  return {
    schemaVersion: 1,
    basis: tokenizer === undefined ? 'bytes' : 'tokenizer',
    header:
      tokenizer === undefined || ownHeaders
        ? null
        : {
            text: header,
            canonical: same(tokenizer.encode(tokenizer.decode(headerIds)), headerIds),
          },
    complete: !stopped(),
    total: total.row(),
    kinds: Array.from(rows.values(), (row) => row.row()),
    examples: [...best.values()],
    misfits,
  };
}

function* byTokenizer(
  tokenizer: LocalTokenizer,
  generation: KindedGeneration,
  common: readonly number[],
  budgetOf: (bytes: number) => number,
  stopped: () => boolean,
): Generator<undefined, Found | undefined, void> {
  const { ids } = generation;
  const bytes = ids.reduce((sum, id) => sum + tokenizer.bytes(id).length, 0);
  const misfit = misfitOf(tokenizer, generation);
  if (misfit !== undefined)
    return { ...nothing(ids), tokens: ids.length, bytes, untested: ids.length + 1, misfit };

  const budget = budgetOf(bytes);
  const alone = yield* unlessStopped(sweep(tokenizer, ids, { budget }), stopped);
  if (alone === undefined) return undefined;
  const before = generation.header ?? common;
  // What the server sees are the ids that the header's text encodes to.
  const header = before.length === 0 ? before : tokenizer.encode(tokenizer.decode(before));
  const after =
    before.length === 0
      ? alone
      : yield* unlessStopped(sweep(tokenizer, ids, { header, budget, alone }), stopped);
  if (after === undefined) return undefined;

  const failsAlone = new Map(alone.failures.map((failure) => [failure.k, failure]));
  const byHeader = after.failures.filter((failure) => {
    const known = failsAlone.get(failure.k);
    return known?.class !== failure.class || known.nonCanonical !== failure.nonCanonical;
  });
  const examples = [
    ...(yield* examplesOf(tokenizer, generation.kind, [], ids, alone.failures)),
    ...(yield* examplesOf(tokenizer, generation.kind, header, ids, byHeader)),
  ];
  // A budget that ends early leaves fewer cuts beside the header: count those tested in both.
  const reach = Math.min(alone.untestedFrom, after.untestedFrom);
  return {
    tokens: ids.length,
    bytes,
    cuts: reach,
    untested: ids.length + 1 - reach,
    endsInWhitespace: whitespaceEnds(layOut(tokenizer, ids), reach),
    alone: alone.failures.filter(({ k }) => k < reach),
    afterHeader: after.failures.filter(({ k }) => k < reach),
    examples,
  };
}

/** Runs steps to their end, or gives up between two of them. */
function* unlessStopped<T>(
  steps: Generator<undefined, T, void>,
  stopped: () => boolean,
): Generator<undefined, T | undefined, void> {
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
    yield;
    if (stopped()) return undefined;
  }
}

function nothing(ids: readonly number[]): Found {
  return {
    tokens: ids.length,
    bytes: 0,
    cuts: 0,
    untested: 0,
    endsInWhitespace: 0,
    alone: [],
    afterHeader: [],
    examples: [],
  };
}

/** What the bytes alone can tell: whether a cut goes through a character. */
function byBytes({ ids, bytes }: KindedGeneration): Found {
  if (bytes === undefined) return { ...nothing(ids), untested: ids.length + 1 };
  const layout = layOutBytes(ids, bytes);
  const { ends, broken } = layout;
  const failures: Pick<Failure, 'class' | 'nonCanonical'>[] = [];
  for (const end of ends)
    if (end < 0) failures.push({ class: 'mid-utf8', nonCanonical: end === broken });
  return {
    ...nothing(ids),
    bytes: bytes.reduce((sum, piece) => sum + piece.length, 0),
    cuts: ends.length,
    endsInWhitespace: whitespaceEnds(layout, ends.length),
    alone: failures,
    afterHeader: failures,
  };
}

/** How many of the first cuts end in white space. */
function whitespaceEnds({ ends, text }: Layout, cuts: number): number {
  return ends
    .subarray(0, cuts)
    .filter((end) => end > 0 && /\s$/u.test(text.slice(Math.max(0, end - 2), end))).length;
}

/** The first token that the server has other bytes for than the tokenizer. */
function misfitOf(
  tokenizer: LocalTokenizer,
  { kind, ids, bytes = [] }: KindedGeneration,
): Misfit | undefined {
  for (const [at, id] of ids.entries()) {
    const server = bytes[at];
    if (server === undefined || server.length === 0) continue;
    const local = tokenizer.bytes(id);
    if (Buffer.compare(server, local) === 0) continue;
    // Some servers print the first token without the space that encoding put there.
    const first = at === 0 && tokenizer.dropsFirstSpace && local[0] === 0x20;
    if (first && Buffer.compare(server, local.subarray(1)) === 0) continue;
    return { kind, at, id, server: showPiece(server), local: showPiece(local) };
  }
  return undefined;
}

/** A small example for each class and fault. */
function* examplesOf(
  tokenizer: LocalTokenizer,
  kind: string,
  header: readonly number[],
  ids: readonly number[],
  failures: readonly Failure[],
): Generator<undefined, TableExample[], void> {
  const groups = new Map<string, Failure[]>();
  for (const failure of failures) {
    const group = groups.get(`${failure.class} ${failure.nonCanonical}`) ?? [];
    if (group.length < CANDIDATES) group.push(failure);
    groups.set(`${failure.class} ${failure.nonCanonical}`, group);
  }
  const examples: TableExample[] = [];
  for (const group of groups.values()) {
    let best: TableExample | undefined;
    for (const failure of group) {
      yield;
      const small = minimalFailure(tokenizer, header, ids, failure);
      if (small === undefined || small.ids.length >= (best?.ids.length ?? Number.POSITIVE_INFINITY))
        continue;
      const show = (shown: readonly number[]): string[] =>
        shown.map((id) => showPiece(tokenizer.bytes(id)));
      best = {
        kind,
        class: failure.class,
        fault: failure.nonCanonical ? 'ids' : 'cut',
        where: header.length === 0 ? 'alone' : 'after-header',
        ...small,
        kept: show(small.ids.slice(0, small.k)),
        rest: show(small.ids.slice(small.k)),
        encoded: show(small.actual),
      };
    }
    if (best !== undefined) examples.push(best);
  }
  return examples;
}

function same(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((id, i) => id === b[i]);
}
