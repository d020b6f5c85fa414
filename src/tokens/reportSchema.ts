/** The shape of the round-trip table, for JSON. */
import { z } from 'zod';
import { ROUND_TRIP_CLASSES } from './roundTripClass.ts';
import type { RoundTripClass } from './roundTripClass.ts';

/** A number of cuts, its share of those tested, and the share's 95 % interval (Wilson). */
export interface Share {
  readonly count: number;
  readonly of: number;
  /** Null when nothing was tested. */
  readonly rate: number | null;
  readonly low: number;
  readonly high: number;
}

/**
 * Whose fault a failing cut is: `cut` when the ids come back as the text goes on, `ids` when they
 * never do, because the text's own encoding is another.
 */
export const FAULTS_OF_A_CUT = ['cut', 'ids'] as const;
export type FaultOfACut = (typeof FAULTS_OF_A_CUT)[number];

export interface ClassShare extends Share {
  readonly class: RoundTripClass;
  readonly fault: FaultOfACut;
}

/** What the cuts of some texts gave in one surrounding. */
export interface Judgement {
  readonly notIdempotent: Share;
  readonly cutInduced: Share;
  readonly nonCanonical: Share;
  /** The most frequent first. */
  readonly classes: readonly ClassShare[];
}

/** The texts of one kind, or all of them. */
export interface KindRow {
  readonly kind: string;
  readonly texts: number;
  readonly tokens: number;
  /** Length of the text in bytes. */
  readonly bytes: number;
  readonly cuts: number;
  /** Cuts that were left out: too costly, or of a text that the tokenizer does not fit. */
  readonly untested: number;
  /** Cuts whose text ends in white space, which many templates trim. */
  readonly endsInWhitespace: number;
  /** The text by itself. */
  readonly alone: Judgement;
  /** The text after the end of a prompt. */
  readonly afterHeader: Judgement;
}

/** A failing cut, cut down to the ids that it takes. */
export interface TableExample {
  readonly kind: string;
  readonly class: RoundTripClass;
  readonly fault: FaultOfACut;
  /** `after-header`: it fails in this way only there, and the ids may begin in the header. */
  readonly where: 'alone' | 'after-header';
  readonly ids: readonly number[];
  /** How many of the ids were kept. */
  readonly k: number;
  /** What encoding the text of the kept ids gives instead of them. */
  readonly actual: readonly number[];
  /** The pieces, made visible: those kept, those after the cut, and those of `actual`. */
  readonly kept: readonly string[];
  readonly rest: readonly string[];
  readonly encoded: readonly string[];
}

/** A text that a server's ids and bytes do not agree on with the tokenizer: nothing in it was judged. */
export interface Misfit {
  readonly kind: string;
  /** Which token of the text, from 0, and its id. */
  readonly at: number;
  readonly id: number;
  /** The token's text, made visible, as the server and as the tokenizer have it. */
  readonly server: string;
  readonly local: string;
}

export interface RoundTripTable {
  readonly schemaVersion: 1;
  /** `bytes`: without a tokenizer only cuts inside characters are seen, and all rates are lower bounds. */
  readonly basis: 'tokenizer' | 'bytes';
  /** The prompt's end that stood before the texts; null where each text had its own. */
  readonly header: { readonly text: string; readonly canonical: boolean } | null;
  /** False when it was stopped: kinds that were not finished are left out. */
  readonly complete: boolean;
  readonly total: KindRow;
  readonly kinds: readonly KindRow[];
  /** The smallest of each kind, class, fault and surrounding. */
  readonly examples: readonly TableExample[];
  readonly misfits: readonly Misfit[];
}

const count = z.int().nonnegative();
const proportion = z.number().min(0).max(1);
const share = {
  count,
  of: count,
  rate: proportion.nullable(),
  low: proportion,
  high: proportion,
};
const classes = z.enum(ROUND_TRIP_CLASSES);
const fault = z.enum(FAULTS_OF_A_CUT);

const judgement: z.ZodType<Judgement> = z.strictObject({
  notIdempotent: z.strictObject(share),
  cutInduced: z.strictObject(share),
  nonCanonical: z.strictObject(share),
  classes: z.array(z.strictObject({ ...share, class: classes, fault })),
});

const row: z.ZodType<KindRow> = z.strictObject({
  kind: z.string(),
  texts: count,
  tokens: count,
  bytes: count,
  cuts: count,
  untested: count,
  endsInWhitespace: count,
  alone: judgement,
  afterHeader: judgement,
});

const ids = z.array(count);

/** Checks a table that was read from JSON; unknown fields are refused. */
export const roundTripTableSchema: z.ZodType<RoundTripTable> = z.strictObject({
  schemaVersion: z.literal(1),
  basis: z.enum(['tokenizer', 'bytes']),
  header: z.strictObject({ text: z.string(), canonical: z.boolean() }).nullable(),
  complete: z.boolean(),
  total: row,
  kinds: z.array(row),
  examples: z.array(
    z.strictObject({
      kind: z.string(),
      class: classes,
      fault,
      where: z.enum(['alone', 'after-header']),
      ids,
      k: count,
      actual: ids,
      kept: z.array(z.string()),
      rest: z.array(z.string()),
      encoded: z.array(z.string()),
    }),
  ),
  misfits: z.array(
    z.strictObject({
      kind: z.string(),
      at: count,
      id: count,
      server: z.string(),
      local: z.string(),
    }),
  ),
});
