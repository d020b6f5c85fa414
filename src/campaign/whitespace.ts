/** The whitespace table: what changed where, how often, and what it does to the next token. */
import { divergence, type Divergence } from '../checks/distribution.ts';
import type { JudgedSeam } from '../checks/seam.ts';
import { whitespaceChange } from '../diagnosis/whitespace.ts';
import type { RunRecord, WhitespaceChange } from '../reports/record.ts';
import type { Candidates } from '../seam/candidates.ts';
import type { Subject } from '../seam/subject.ts';
import type { Controls } from './controls.ts';
import { chance } from './random.ts';

/** Seams of each row whose distributions are compared with the token control's. */
const SAMPLE = 16;

interface Row {
  readonly change: Omit<WhitespaceChange, 'count' | 'distribution'>;
  count: number;
  /** In the order of their ranks. */
  readonly sample: Sampled[];
}

interface Sampled {
  /** Decides who stays in the sample, whatever order the seams come in. */
  readonly rank: number;
  readonly subject: Subject;
  readonly kept: number;
  readonly next: Candidates;
}

/** Its size depends on the kinds of change, not on the number of seams. */
export class WhitespaceTable {
  readonly #rows = new Map<string, Row>();

  add(seam: JudgedSeam): void {
    const change = whitespaceChange(seam);
    if (change === undefined) return;
    const { phase } = seam;
    const strategy = seam.plan.strategy.name;
    const key = JSON.stringify([change, phase, strategy]);
    const row: Row = this.#rows.get(key) ?? {
      change: { ...change, phase, strategy },
      count: 0,
      sample: [],
    };
    this.#rows.set(key, row);
    row.count++;
    if (seam.next === undefined) return;
    const { subject, k } = seam.plan;
    const rank = chance(0, 'whitespace', subject.generation.scenario.id, k, seam.plan.way);
    row.sample.push({ rank, subject, kept: seam.prompt?.kept ?? k, next: seam.next });
    row.sample.sort((a, b) => a.rank - b.rank);
    row.sample.length = Math.min(row.sample.length, SAMPLE);
  }

  /** The table; asks the token control for its distributions at the sampled cuts. */
  async finish(controls: Controls | undefined): Promise<RunRecord['whitespace']> {
    const changes: WhitespaceChange[] = [];
    for (const { change, count, sample } of this.#rows.values()) {
      const measured: Divergence[] = [];
      for (const { subject, kept, next } of controls === undefined ? [] : sample) {
        // A control that fails leaves a smaller sample, and the sample's size is told.
        const control = await controls?.next(subject, kept).catch(() => undefined);
        const moved = control === undefined ? undefined : divergence(control, next);
        if (moved !== undefined) measured.push(moved);
      }
      const spread = (values: readonly number[]): { median: number; max: number } => ({
        median: rounded(median(values)),
        max: rounded(Math.max(...values)),
      });
      changes.push({
        ...change,
        count,
        ...(measured.length === 0
          ? {}
          : {
              distribution: {
                seams: measured.length,
                kl: spread(measured.map(({ kl }) => kl)),
                tv: spread(measured.map(({ tv }) => tv)),
              },
            }),
      });
    }
    changes.sort((a, b) => b.count - a.count);
    const byChange: Record<string, number> = {};
    for (const { wanted, got, count } of changes) {
      const name = `${wanted || '∅'} → ${got || '∅'}`;
      byChange[name] = (byChange[name] ?? 0) + count;
    }
    return { drifted: changes.reduce((total, { count }) => total + count, 0), byChange, changes };
  }
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? 0;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? upper) + upper) / 2;
}

/** Six significant digits. */
function rounded(value: number): number {
  return Number(value.toPrecision(6));
}
