/** Counts verdicts as seams are judged; its size does not grow with their number. */
import type { JudgedSeam } from '../checks/seam.ts';
import { VERDICTS, type Verdict } from '../checks/verdict.ts';
import type { Named } from '../diagnosis/causes.ts';
import type { RunRecord, VerdictCounts } from '../reports/record.ts';
import { PHASES, type Phase } from '../seam/generation.ts';
import { WhitespaceTable } from './whitespace.ts';

type Counts = Record<Verdict, number>;

function none(): Counts {
  return { exact: 0, drift: 0, diverged: 0, rejected: 0, unstable: 0, error: 0 };
}

export class Tally {
  readonly whitespace: WhitespaceTable = new WhitespaceTable();
  readonly #cells = new Map<string, { phase: Phase; strategy: string; verdicts: Counts }>();
  readonly #classes = new Map<string, number>();
  readonly #errors = new Map<string, number>();
  #resumed = 0;
  #encoded = 0;
  #notIdempotent = 0;

  add(seam: JudgedSeam, named: Named | undefined): void {
    const strategy = seam.plan.strategy.name;
    const key = `${seam.phase}/${strategy}`;
    const cell = this.#cells.get(key) ?? { phase: seam.phase, strategy, verdicts: none() };
    this.#cells.set(key, cell);
    cell.verdicts[seam.verdict]++;
    if (seam.basis.includes('continuation')) this.#resumed++;
    if (seam.error !== undefined) bump(this.#errors, seam.error);
    if (strategy === 'raw-text' && seam.prompt !== undefined) this.#addRoundTrip(seam, named);
    this.whitespace.add(seam);
  }

  /** The raw text re-encoded by the server's own tokenizer is the round trip, in context. */
  #addRoundTrip(seam: JudgedSeam, named: Named | undefined): void {
    this.#encoded++;
    const rewound = (seam.prompt?.kept ?? seam.plan.k) < seam.plan.k;
    if (seam.prompt?.agrees === true && !rewound) return;
    this.#notIdempotent++;
    bump(this.#classes, named?.cause ?? 'mid-character');
  }

  get verdicts(): VerdictCounts {
    return sum([...this.#cells.values()].map((cell) => cell.verdicts));
  }

  /** Distinct error messages, the most frequent first. */
  get errors(): string[] {
    return [...this.#errors]
      .toSorted((a, b) => b[1] - a[1])
      .slice(0, 20)
      .map(([message, times]) => (times === 1 ? message : `${message} (${times} times)`));
  }

  get totals(): Pick<
    RunRecord['totals'],
    'seams' | 'verdicts' | 'byPhase' | 'byStrategy' | 'matrix' | 'resumed'
  > {
    const cells = [...this.#cells.values()].toSorted(
      (a, b) => PHASES.indexOf(a.phase) - PHASES.indexOf(b.phase),
    );
    const verdicts = this.verdicts;
    return {
      seams: VERDICTS.reduce((total, verdict) => total + verdicts[verdict], 0),
      verdicts,
      byPhase: grouped(cells, (cell) => cell.phase),
      byStrategy: grouped(cells, (cell) => cell.strategy),
      matrix: cells,
      resumed: this.#resumed,
    };
  }

  get roundTrip(): RunRecord['roundTrip'] {
    return {
      cuts: this.#encoded,
      notIdempotent: this.#notIdempotent,
      byClass: Object.fromEntries(this.#classes),
    };
  }
}

function bump(map: Map<string, number>, key: string): void {
  map.set(key, (map.get(key) ?? 0) + 1);
}

function sum(all: readonly VerdictCounts[]): VerdictCounts {
  const total = none();
  for (const counts of all) for (const verdict of VERDICTS) total[verdict] += counts[verdict];
  return total;
}

function grouped<T extends { readonly verdicts: VerdictCounts }>(
  cells: readonly T[],
  key: (cell: T) => string,
): Record<string, VerdictCounts> {
  const groups = new Map<string, VerdictCounts[]>();
  for (const cell of cells)
    groups.set(key(cell), [...(groups.get(key(cell)) ?? []), cell.verdicts]);
  return Object.fromEntries([...groups].map(([name, counts]) => [name, sum(counts)]));
}
