/**
 * The round trip: does encoding the text of a generation's first k tokens give these tokens back?
 * Where it doesn't, a client that resumes with text can't restore what the model had seen.
 */
import type { RoundTripClass } from './roundTripClass.ts';
import { finish, sweep } from './sweep.ts';
import type { FailureExample } from './sweep.ts';
import type { LocalTokenizer } from './tokenizer.ts';

export interface RoundTripReport {
  /** Cuts tested. */
  readonly cuts: number;
  /** Cuts left out, because the tokenizer is of a kind that makes them too costly. */
  readonly untested: number;
  /** Cuts whose text encodes to other ids, after the header if there is one. */
  readonly notIdempotent: number;
  /** The same for the text by itself, without the header. */
  readonly notIdempotentAlone: number;
  readonly byClass: Readonly<Partial<Record<RoundTripClass, number>>>;
  /** Cuts whose text ends in white space, which many templates trim. */
  readonly endsInWhitespace: number;
  /** Failing cuts whose ids do come back when the text goes on. */
  readonly cutInduced: number;
  /** Failing cuts whose ids never come back, however the text goes on. */
  readonly nonCanonical: number;
  /** False when the header's own text encodes to other ids; the cuts are then judged after those. */
  readonly headerCanonical: boolean;
  /** The earliest failures, at most three of each class. */
  readonly examples: readonly RoundTripExample[];
}

interface RoundTripExample extends FailureExample {
  readonly class: RoundTripClass;
  readonly k: number;
}

export interface RoundTripOptions {
  /** Ids of the prompt before the generation. */
  readonly header?: readonly number[];
  /** Cuts to count, 0 to the number of ids; all by default. */
  readonly cuts?: 'all' | readonly number[];
  /** UTF-16 units to encode at most; what is left then counts as untested. Default: 64 million. */
  readonly budget?: number;
}

const EXAMPLES = 3;
const DEFAULT_BUDGET = 64_000_000;

/**
 * Tests each cut k of a generation: encode(text of header and ids[:k]) = header + ids[:k]?
 *
 * Only what follows the last place where the text may be taken apart is encoded anew (see
 * `boundaries.ts`), so the time grows with the length of the text and not with its square. The
 * answers are those of encoding each prefix whole. A tokenizer without such places is encoded
 * whole, as far as the budget goes.
 */
export function roundTrip(
  tokenizer: LocalTokenizer,
  ids: readonly number[],
  options: RoundTripOptions = {},
): RoundTripReport {
  const { header = [], cuts = 'all', budget = DEFAULT_BUDGET } = options;
  const wanted = cuts === 'all' ? undefined : new Set(cuts);
  const start = header.length === 0 ? [] : tokenizer.encode(tokenizer.decode(header));
  const alone = finish(sweep(tokenizer, ids, { wanted, budget }));
  const { counts, failures } =
    header.length === 0
      ? alone
      : finish(sweep(tokenizer, ids, { header: start, wanted, budget, alone }));
  const byClass: Partial<Record<RoundTripClass, number>> = {};
  const examples: RoundTripExample[] = [];
  for (const failure of failures) {
    const name = failure.class;
    byClass[name] = (byClass[name] ?? 0) + 1;
    if (failure.example !== undefined && byClass[name] <= EXAMPLES)
      examples.push({ class: name, k: failure.k, ...failure.example() });
  }
  const nonCanonical = failures.filter((failure) => failure.nonCanonical).length;
  return {
    ...counts,
    notIdempotent: failures.length,
    notIdempotentAlone: alone.failures.length,
    byClass,
    cutInduced: failures.length - nonCanonical,
    nonCanonical,
    headerCanonical: start.length === header.length && start.every((id, i) => id === header[i]),
    examples,
  };
}
