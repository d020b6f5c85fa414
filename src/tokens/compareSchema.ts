/** The shape of a comparison of two tokenizers, for JSON. */
import { z } from 'zod';

export const DISAGREEMENTS = [
  'added-ids',
  'special-literal',
  'other-split',
  'other-text',
  'unknown-id',
] as const;

export type DisagreementKind =
  /** The server puts ids before or after the text that stand for nothing in it (BOS, EOS). */
  | 'added-ids'
  /** Text that spells a control token is one token to the one side and plain text to the other. */
  | 'special-literal'
  /** The same vocabulary, but the text is split into other tokens. */
  | 'other-split'
  /** The ids stand for other bytes here: another vocabulary, or another normalization. */
  | 'other-text'
  /** Ids that the local vocabulary does not have. */
  | 'unknown-id';

/** The smallest place where the two differ. */
export interface Disagreement {
  readonly kind: DisagreementKind;
  /** The whole text in which it was found. */
  readonly text: string;
  /** The first differing token, counted in both lists. */
  readonly at: number;
  /** What differs, made visible: the ids of either side, between places where the two agree. */
  readonly server: { readonly ids: readonly number[]; readonly pieces: readonly string[] };
  readonly local: { readonly ids: readonly number[]; readonly pieces: readonly string[] };
  /** Some text before and after it, made visible. */
  readonly before: string;
  readonly after: string;
}

export interface TokenizerComparison {
  /** Texts compared, and those for which the ids differ. */
  readonly compared: number;
  readonly differing: number;
  readonly byKind: Readonly<Partial<Record<DisagreementKind, number>>>;
  /** The one with the fewest ids; among equals the first. */
  readonly smallest?: Disagreement | undefined;
}

const side = z.object({ ids: z.array(z.int()), pieces: z.array(z.string()) });
const times = z.int().min(0);

export const comparisonSchema: z.ZodType<TokenizerComparison> = z.object({
  compared: times,
  differing: times,
  byKind: z.partialRecord(z.enum(DISAGREEMENTS), times),
  smallest: z
    .object({
      kind: z.enum(DISAGREEMENTS),
      text: z.string(),
      at: times,
      server: side,
      local: side,
      before: z.string(),
      after: z.string(),
    })
    .optional(),
});
