/** Takes judged seams in the order of the plan: names their causes, counts, groups, journals. */
import type { JudgedSeam } from '../checks/seam.ts';
import { FAILING } from '../checks/verdict.ts';
import { CAUSES, type Named } from '../diagnosis/causes.ts';
import { diagnose } from '../diagnosis/diagnose.ts';
import type { SeamLine } from '../reports/record.ts';
import type { RunListener } from './events.ts';
import { FindingGroups, type Failure } from './findings.ts';
import { lineOf } from './line.ts';
import { Tally } from './tally.ts';

export class Ledger {
  readonly tally: Tally = new Tally();
  readonly groups: FindingGroups = new FindingGroups();
  /** Seams since the last one that was judged without an error. */
  errorsAtTheEnd = 0;
  readonly #journal: (line: SeamLine) => void;
  readonly #listener: RunListener;

  constructor(journal: (line: SeamLine) => void, listener: RunListener) {
    this.#journal = journal;
    this.#listener = listener;
  }

  /** Enters one seam. */
  enter(seam: JudgedSeam, pauses: readonly number[] = [], fuzz?: Failure['fuzz']): void {
    const named = causeOf(seam);
    const line = lineOf(seam, named, pauses);
    this.errorsAtTheEnd = seam.verdict === 'error' ? this.errorsAtTheEnd + 1 : 0;
    this.#journal(line);
    this.tally.add(seam, named);
    this.#listener({ kind: 'seam', line });
    if (named === undefined) return;
    const group = this.groups.add({ seam, named, pauses, ...(fuzz === undefined ? {} : { fuzz }) });
    if (group?.count === 1)
      this.#listener({ kind: 'finding', id: group.id, title: CAUSES[named.cause].title });
  }
}

/** The cause of a failing seam; undefined for a seam that does not make a finding. */
export function causeOf(seam: JudgedSeam): Named | undefined {
  return FAILING.has(seam.verdict) ? diagnose(seam) : undefined;
}
