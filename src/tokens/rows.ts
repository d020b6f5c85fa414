/** The rows of the round-trip table: what single generations gave, summed up into shares. */
import { wilson } from './interval.ts';
import type {
  ClassShare,
  FaultOfACut,
  Judgement,
  KindRow,
  Misfit,
  Share,
  TableExample,
} from './reportSchema.ts';
import type { RoundTripClass } from './roundTripClass.ts';
import type { Failure } from './sweep.ts';

/** What one generation gave. */
export interface Found {
  readonly tokens: number;
  readonly bytes: number;
  readonly cuts: number;
  readonly untested: number;
  readonly endsInWhitespace: number;
  readonly alone: readonly Pick<Failure, 'class' | 'nonCanonical'>[];
  readonly afterHeader: readonly Pick<Failure, 'class' | 'nonCanonical'>[];
  readonly examples: readonly TableExample[];
  readonly misfit?: Misfit | undefined;
}

type Classes = Map<string, { class: RoundTripClass; fault: FaultOfACut; count: number }>;

/** Sums of a row. */
export class Tally {
  readonly kind: string;
  texts = 0;
  tokens = 0;
  bytes = 0;
  cuts = 0;
  untested = 0;
  endsInWhitespace = 0;
  readonly alone: Classes = new Map();
  readonly afterHeader: Classes = new Map();

  constructor(kind: string) {
    this.kind = kind;
  }

  add(found: Found): void {
    this.texts++;
    this.tokens += found.tokens;
    this.bytes += found.bytes;
    this.cuts += found.cuts;
    this.untested += found.untested;
    this.endsInWhitespace += found.endsInWhitespace;
    count(this.alone, found.alone);
    count(this.afterHeader, found.afterHeader);
  }

  row(): KindRow {
    const { kind, texts, tokens, bytes, cuts, untested, endsInWhitespace } = this;
    return {
      kind,
      texts,
      tokens,
      bytes,
      cuts,
      untested,
      endsInWhitespace,
      alone: judge(this.alone, cuts),
      afterHeader: judge(this.afterHeader, cuts),
    };
  }
}

function count(classes: Classes, failures: Found['alone']): void {
  for (const failure of failures) {
    const fault = failure.nonCanonical ? 'ids' : 'cut';
    const key = `${failure.class} ${fault}`;
    const entry = classes.get(key) ?? { class: failure.class, fault, count: 0 };
    entry.count++;
    classes.set(key, entry);
  }
}

function judge(classes: Classes, cuts: number): Judgement {
  const all = [...classes.values()].toSorted((a, b) => b.count - a.count);
  const sum = (fault?: FaultOfACut): number =>
    all
      .filter((entry) => fault === undefined || entry.fault === fault)
      .reduce((total, entry) => total + entry.count, 0);
  return {
    notIdempotent: share(sum(), cuts),
    cutInduced: share(sum('cut'), cuts),
    nonCanonical: share(sum('ids'), cuts),
    classes: all.map((entry): ClassShare => ({
      class: entry.class,
      fault: entry.fault,
      ...share(entry.count, cuts),
    })),
  };
}

function share(part: number, of: number): Share {
  const { rate, low, high } = wilson(part, of);
  return { count: part, of, rate: Number.isNaN(rate) ? null : rate, low, high };
}
