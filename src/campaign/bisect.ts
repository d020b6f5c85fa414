/**
 * Bisection: which published build began to show a finding, or stopped showing it. Every build is
 * started, tested and stopped; one that cannot be tested is skipped.
 */
import type { Cause } from '../diagnosis/causes.ts';
import type { Target } from '../dialects/dialect.ts';
import { SeamstressError } from '../errors.ts';
import type { Finding } from '../reports/record.ts';
import { searchBoundary, type Side } from './bisect-search.ts';
import { replaying, sweeping, type Examined, type SweepSettings } from './bisect-test.ts';

/** The finding to look for: one seam judged again, or whatever a small sweep shows of a cause. */
export type Wanted =
  | { readonly kind: 'finding'; readonly finding: Finding }
  /** With an id, only the finding that has it. */
  | { readonly kind: 'cause'; readonly cause: Cause; readonly id?: string | undefined };

/** One build that was tested. */
export interface BisectStep {
  readonly version: string;
  readonly outcome: Examined['outcome'];
  /** What was seen, or why it could not be tested. */
  readonly why: string;
  /** Getting it, starting it, testing it and stopping it. */
  readonly seconds: number;
}

/** Where the finding begins or ends. */
export interface Bisection {
  /** `first-bad`: the finding appears; `first-good`: it goes away. */
  readonly looksFor: 'first-bad' | 'first-good';
  /** The last build on the older side and the first one on the newer side. */
  readonly last: string;
  readonly first: string;
  /** Builds between the two that could not be tested; the change may be in any of them. */
  readonly skipped: readonly string[];
}

export interface BisectOptions {
  /** Oldest first; one end is `good`, the other `bad`. */
  readonly versions: readonly string[];
  readonly good: string;
  readonly bad: string;
  readonly wanted: Wanted;
  /** Gets a build and starts it; a `SeamstressError` of code `engine` or `target` skips the build. */
  readonly open: (version: string) => Promise<{ readonly target: Target; close(): Promise<void> }>;
  readonly sweep: SweepSettings;
  readonly signal: AbortSignal;
  /** Told each step as it ends. */
  readonly onStep: (step: BisectStep) => void;
}

/**
 * Tests the two ends, then halves what lies between. An end that cannot be tested is stood for by
 * the nearest build that can be.
 *
 * @throws {SeamstressError} `usage` when the good build shows the finding or the bad one does not;
 *   `engine` when that cannot be told, or the package index cannot be reached; `interrupted`
 */
export async function bisect(options: BisectOptions): Promise<Bisection> {
  const { versions, good, bad, wanted } = options;
  const examine =
    wanted.kind === 'finding'
      ? replaying(wanted.finding, options.signal)
      : sweeping(wanted, options.sweep, options.signal);
  const made = new Map<number, BisectStep>();
  const step = async (index: number): Promise<BisectStep> => {
    const before = made.get(index);
    if (before !== undefined) return before;
    const version = versions[index] ?? '';
    const began = performance.now();
    const examined = await tested(version, options, examine);
    const seconds = (performance.now() - began) / 1000;
    const done = { version, outcome: examined.outcome, why: examined.why, seconds };
    made.set(index, done);
    options.onStep(done);
    return done;
  };
  const badAt = await firstTestable(inwards(versions, bad), step, 'bad');
  const goodAt = await firstTestable(inwards(versions, good), step, 'good');
  const between = versions.slice(Math.min(badAt, goodAt), Math.max(badAt, goodAt) + 1);

  const older = badAt < goodAt ? 'present' : 'absent';
  const boundary = await searchBoundary(between.length, async (index): Promise<Side> => {
    const { outcome } = await step(Math.min(badAt, goodAt) + index);
    return outcome === 'skip' ? 'skip' : outcome === older ? 'left' : 'right';
  });
  return {
    looksFor: older === 'present' ? 'first-good' : 'first-bad',
    last: between[boundary.left] ?? '',
    first: between[boundary.right] ?? '',
    skipped: boundary.skipped.map((index) => between[index] ?? ''),
  };
}

/** Indexes from one end of the list towards the other. */
function inwards(versions: readonly string[], end: string): readonly number[] {
  const indexes = versions.map((_, index) => index);
  return versions[0] === end ? indexes : indexes.toReversed();
}

/**
 * Tests one end; where it cannot be tested its neighbours stand for it, in turn.
 *
 * @returns the index of the build that does
 * @throws {SeamstressError} `usage` when the end is not as said; `engine` when that cannot be told
 */
async function firstTestable(
  indexes: readonly number[],
  step: (index: number) => Promise<BisectStep>,
  which: 'good' | 'bad',
): Promise<number> {
  for (const index of indexes) {
    const { version, outcome, why } = await step(index);
    if (outcome === 'skip') continue;
    if (outcome === (which === 'bad' ? 'present' : 'absent')) return index;
    const stands = index !== indexes[0];
    const says =
      which === 'bad' ? `does not show the finding: ${why}` : `shows the finding too: ${why}`;
    throw stands
      ? new SeamstressError(
          'engine',
          `the ${which} build cannot be tested, and the next that can be, ${version}, ${says}`,
          { hint: 'Give another build for this end.' },
        )
      : new SeamstressError('usage', `the ${which} build ${version} ${says}`, {
          hint: 'There is nothing to search between two builds that are alike.',
        });
  }
  throw new SeamstressError('engine', 'none of the builds can be tested', {
    hint: 'The log of steps says why; seamstress doctor looks at this machine.',
  });
}

/** One build, from its start to its end. Nothing of it is left, however this ends. */
async function tested(
  version: string,
  { open, signal }: BisectOptions,
  examine: (target: Target, version: string) => Promise<Examined>,
): Promise<Examined> {
  const stopped = (): SeamstressError =>
    new SeamstressError('interrupted', `stopped while build ${version} was tested`);
  try {
    const started = await open(version);
    try {
      const examined = await examine(started.target, version);
      if (signal.aborted) throw stopped();
      return examined;
    } finally {
      await started.close();
    }
  } catch (error) {
    if (signal.aborted) throw stopped();
    if (error instanceof SeamstressError && skips(error))
      return { outcome: 'skip', why: error.message };
    throw error;
  }
}

/** A build that cannot be had or started is skipped; an index that cannot be reached stops it all. */
function skips({ code, message }: SeamstressError): boolean {
  return (code === 'engine' && !/index cannot be reached/.test(message)) || code === 'target';
}
