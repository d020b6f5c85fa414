/**
 * Known findings: a file that says which findings of a run are no news, why, who looks after them,
 * and until when. Only what it does not name fails a run.
 */
import type { Cause } from '../../diagnosis/causes.ts';
import type { Phase } from '../../seam/generation.ts';
import { conclusive } from '../matrix.ts';
import type { Finding, RunRecord } from '../record.ts';

/** One known finding, or one part of it. */
export interface KnownFinding {
  readonly cause: Cause;
  /** Left out: any. */
  readonly detail?: string | undefined;
  readonly phase?: Phase | undefined;
  readonly strategy?: string | undefined;
  readonly reason: string;
  /** A link to whoever or whatever looks after it. */
  readonly owner: string;
  /** The last day on which it counts as known, `YYYY-MM-DD`, in UTC. */
  readonly expires: string;
}

export interface Baseline {
  readonly version: 1;
  readonly known: readonly KnownFinding[];
}

/** A finding that is news: nobody knows it, or nobody knows it where it is now. */
export interface FreshFinding {
  readonly finding: Finding;
  /** `elsewhere`: known in other places than `places`. */
  readonly why: 'unknown' | 'expired' | 'elsewhere';
  /** `phase/strategy` of what is not known. */
  readonly places: readonly string[];
  /** The expired entries that covered it. */
  readonly entries: readonly KnownFinding[];
}

/** A run seen through a baseline. */
export interface AppliedBaseline {
  readonly known: readonly {
    readonly finding: Finding;
    readonly entries: readonly KnownFinding[];
  }[];
  readonly fresh: readonly FreshFinding[];
  /** Entries whose day is over and whose finding is still there. */
  readonly expired: readonly KnownFinding[];
  /** Entries whose finding the run did not have where it tested: they can go. */
  readonly vanished: readonly KnownFinding[];
  /** Entries whose places the run did not test. */
  readonly untested: readonly KnownFinding[];
}

/** @param now decides what has expired */
export function applyBaseline(record: RunRecord, baseline: Baseline, now: Date): AppliedBaseline {
  const today = now.toISOString().slice(0, 10);
  const valid = baseline.known.filter(({ expires }) => expires >= today);
  const over = baseline.known.filter(({ expires }) => expires < today);
  const known: AppliedBaseline['known'][number][] = [];
  const fresh: FreshFinding[] = [];
  for (const finding of record.findings) {
    const open = uncovered(finding, valid);
    const entries = valid.filter((entry) => touches(entry, finding));
    if (open.length === 0) {
      known.push({ finding, entries });
      continue;
    }
    const expired = over.filter((entry) => touches(entry, finding));
    fresh.push({
      finding,
      why:
        uncovered(finding, [...valid, ...over]).length === 0
          ? 'expired'
          : entries.length + expired.length > 0
            ? 'elsewhere'
            : 'unknown',
      places: open,
      entries: expired,
    });
  }
  const absent = baseline.known.filter(
    (entry) => !record.findings.some((finding) => touches(entry, finding)),
  );
  return {
    known,
    fresh,
    expired: over.filter((entry) => !absent.includes(entry)),
    vanished: absent.filter((entry) => wasTested(entry, record)),
    untested: absent.filter((entry) => !wasTested(entry, record)),
  };
}

/** The record without the findings that are known, for the exit status; the record itself keeps all. */
export function withoutKnown(record: RunRecord, { fresh }: AppliedBaseline): RunRecord {
  return { ...record, findings: fresh.map(({ finding }) => finding) };
}

interface Place {
  readonly phase: Phase;
  readonly strategy: string;
}

function covers(entry: KnownFinding, place: Place): boolean {
  return (
    (entry.phase === undefined || entry.phase === place.phase) &&
    (entry.strategy === undefined || entry.strategy === place.strategy)
  );
}

function names(entry: KnownFinding, { cause, detail }: Pick<Finding, 'cause' | 'detail'>): boolean {
  return entry.cause === cause && (entry.detail === undefined || entry.detail === detail);
}

function touches(entry: KnownFinding, finding: Finding): boolean {
  return names(entry, finding) && finding.where.some((place) => covers(entry, place));
}

function uncovered(finding: Finding, entries: readonly KnownFinding[]): string[] {
  return finding.where
    .filter((place) => !entries.some((entry) => names(entry, finding) && covers(entry, place)))
    .map(({ phase, strategy }) => `${phase}/${strategy}`);
}

function wasTested(entry: KnownFinding, { totals }: RunRecord): boolean {
  return totals.matrix.some((cell) => covers(entry, cell) && conclusive(cell.verdicts) > 0);
}
