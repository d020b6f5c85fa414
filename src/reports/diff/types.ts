/** What a diff of two runs says; also what `diff --json` prints. */
import type { CheckName, Verdict } from '../../checks/verdict.ts';
import type { Cause, Culprit } from '../../diagnosis/causes.ts';
import type { Phase } from '../../seam/generation.ts';
import type { RecipeScore, RunRecord } from '../record.ts';
import type { ShareDifference } from './rates.ts';

/** The version of the diff's JSON. */
export const DIFF_VERSION = 1;

/**
 * `new`: not in A, which tested its places. `untested-before`: not in A, which did not test there.
 * `fixed`: not in B, which tested its places. `not-seen`: not in B, but too rare for runs that
 * sample to say that it is fixed. `untested-now`: not in B, which did not test there.
 */
export const STATUSES = [
  'new',
  'untested-before',
  'changed',
  'unchanged',
  'fixed',
  'not-seen',
  'untested-now',
] as const;
export type Status = (typeof STATUSES)[number];

/** A run, as the head of a diff names it. */
export interface DiffSide {
  readonly folder: string;
  readonly startedAt: string;
  readonly target: RunRecord['target'];
  readonly seams: number;
  readonly findings: number;
  /** Why its verdicts are not the last word; undefined for a run that did all it had planned. */
  readonly unfinished?: string | undefined;
}

/** A phase and a strategy at which a finding was seen, in either run. */
export interface FindingPlace {
  readonly phase: Phase;
  readonly strategy: string;
  /** Seams with the finding, of the seams with a verdict; undefined where the run tested none. */
  readonly a?: { readonly count: number; readonly of: number } | undefined;
  readonly b?: { readonly count: number; readonly of: number } | undefined;
}

/** One finding of either run, or the same finding of both. */
export interface FindingDiff {
  readonly status: Status;
  readonly cause: Cause;
  readonly detail: string;
  readonly culprit: Culprit;
  readonly title: string;
  readonly verdict: { readonly a?: Verdict | undefined; readonly b?: Verdict | undefined };
  readonly check: { readonly a?: CheckName | undefined; readonly b?: CheckName | undefined };
  readonly id: { readonly a?: string | undefined; readonly b?: string | undefined };
  readonly places: readonly FindingPlace[];
  /** What is different, one clause each; for `new`, what was there before. */
  readonly changes: readonly string[];
  readonly replay: string;
  /** Why it is known and does not count as new. */
  readonly known?: string | undefined;
}

/** How often one verdict was given in one phase with one strategy. */
export interface RateDiff extends ShareDifference {
  readonly phase: Phase;
  readonly strategy: string;
  readonly verdict: Verdict;
}

/** The recipe of one phase, or the one for all phases together. */
export interface RecipeDiff {
  readonly phase: Phase | 'everywhere';
  readonly a: readonly RecipeScore[];
  readonly b: readonly RecipeScore[];
  /** A run without findings searches no recipe; then there is no change to tell. */
  readonly searched: { readonly a: boolean; readonly b: boolean };
  readonly changed: boolean;
}

/** What something cost. */
export interface CostDiff {
  readonly what: string;
  readonly unit: string;
  readonly a: number;
  readonly b: number;
  /** B over A; undefined where A is 0. */
  readonly ratio?: number | undefined;
  /** Says as much of the machine as of the engine. */
  readonly machineDependent: boolean;
}

export interface RunDiff {
  readonly schemaVersion: typeof DIFF_VERSION;
  readonly kind: 'diff';
  readonly a: DiffSide;
  readonly b: DiffSide;
  readonly common: {
    readonly scenarios: readonly string[];
    readonly strategies: readonly string[];
  };
  /** What is not alike in the two runs, and what was therefore left out. */
  readonly notes: readonly string[];
  /** In the order of `STATUSES`, the most seams first. */
  readonly findings: readonly FindingDiff[];
  /** Verdicts that were given in either run; `news` is set for a whole family of comparisons. */
  readonly rates: readonly RateDiff[];
  readonly recipe: readonly RecipeDiff[];
  readonly cost: readonly CostDiff[];
}
