/**
 * Fuzz: fast-check draws cases. A failing case is run again before it is shrunk; one that does
 * not fail the same way every time is `unstable` and never shrunk. A cause that is known by then
 * does not end the search, so that one bug does not hide the next.
 */
import fc from 'fast-check';
import type { JudgedSeam } from '../checks/seam.ts';
import { FAILING } from '../checks/verdict.ts';
import type { Target } from '../dialects/dialect.ts';
import type { Strategy } from '../seam/strategy.ts';
import type { Subject } from '../seam/subject.ts';
import { syntheticSubject } from '../seam/synthetic.ts';
import { fuzzCases, type FuzzCase } from './cases.ts';
import { judgeChain, normalizePauses } from './chain.ts';
import type { RunListener } from './events.ts';
import { keyOf, type Failure } from './findings.ts';
import type { Judge } from './judge.ts';
import { causeOf, type Ledger } from './ledger.ts';

export interface FuzzOptions {
  readonly strategies: readonly Strategy[];
  readonly cases: number;
  readonly seed: number;
  readonly signal: AbortSignal;
}

/** Cases in a row that end in an error before the target is given up. */
const ERRORS_IN_A_ROW = 5;

/** Times that a failing case is run again before it is believed. */
const RERUNS = 2;

interface Outcome {
  readonly seams: readonly JudgedSeam[];
  readonly failure: Failure | undefined;
}

/** Searches until the cases are spent, the run is aborted, or the target answers with errors only. */
export async function fuzz(
  target: Target,
  subjects: readonly Subject[],
  judge: Judge,
  ledger: Ledger,
  options: FuzzOptions,
  listener: RunListener,
): Promise<'done' | 'target-lost'> {
  const { strategies, signal } = options;
  const longest = Math.max(1, ...subjects.map((subject) => subject.generation.length));
  const arbitrary = fuzzCases(subjects.length, strategies.length, longest);
  const run = (drawn: FuzzCase): Promise<Outcome> =>
    runCase(target, subjects, strategies, judge, drawn, signal);
  const known = new Set<string>();
  const budget = { left: options.cases, errors: 0 };
  for (let seed = options.seed; budget.left > 0 && !signal.aborted; seed++) {
    const found = await search(
      arbitrary,
      seed,
      budget.left,
      signal,
      () => budget.left <= 0,
      async (drawn) => {
        budget.left--;
        const outcome = await run(drawn);
        budget.errors = outcome.seams.at(-1)?.verdict === 'error' ? budget.errors + 1 : 0;
        if (budget.errors >= ERRORS_IN_A_ROW) budget.left = 0;
        const fresh = outcome.failure !== undefined && !known.has(keyOf(outcome.failure));
        if (!fresh) enterAll(ledger, outcome.seams);
        return fresh ? outcome.failure : undefined;
      },
    );
    if (found === undefined) continue;
    const key = keyOf(found.failure);
    known.add(key);
    if (!(await failsAgain(run, found.drawn, key))) {
      listener({
        kind: 'note',
        text: `a case of seed ${seed} failed once and not again: unstable`,
      });
      ledger.enter(
        { ...found.failure.seam, verdict: 'unstable', reruns: RERUNS },
        found.failure.pauses,
      );
      continue;
    }
    const minimal = await shrink(arbitrary, seed, found, key, run, signal);
    ledger.enter({ ...minimal.failure.seam, reruns: RERUNS }, minimal.failure.pauses, {
      seed,
      path: minimal.path,
    });
  }
  return budget.errors >= ERRORS_IN_A_ROW ? 'target-lost' : 'done';
}

interface Found {
  readonly drawn: FuzzCase;
  readonly failure: Failure;
  /** fast-check's path to the case, for replay with the seed. */
  readonly path: string;
}

/** The first case of a seed that fails, not yet shrunk. */
async function search(
  arbitrary: fc.Arbitrary<FuzzCase>,
  seed: number,
  runs: number,
  signal: AbortSignal,
  exhausted: () => boolean,
  attempt: (drawn: FuzzCase) => Promise<Failure | undefined>,
): Promise<Found | undefined> {
  let failure: Failure | undefined;
  const property = fc.asyncProperty(arbitrary, async (drawn) => {
    if (signal.aborted || exhausted()) return true;
    failure = await attempt(drawn);
    return failure === undefined;
  });
  const details = await fc.check(property, { seed, numRuns: runs, endOnFailure: true });
  const drawn = details.counterexample?.[0];
  if (drawn === undefined) return undefined;
  if (failure === undefined) throw details.errorInstance;
  return { drawn, failure, path: details.counterexamplePath ?? '0' };
}

async function failsAgain(
  run: (drawn: FuzzCase) => Promise<Outcome>,
  drawn: FuzzCase,
  key: string,
): Promise<boolean> {
  for (let i = 0; i < RERUNS; i++) {
    const { failure } = await run(drawn);
    if (failure === undefined || keyOf(failure) !== key) return false;
  }
  return true;
}

/** Makes a stable failure as small as it gets while it stays the same failure. */
async function shrink(
  arbitrary: fc.Arbitrary<FuzzCase>,
  seed: number,
  found: Found,
  key: string,
  run: (drawn: FuzzCase) => Promise<Outcome>,
  signal: AbortSignal,
): Promise<Found> {
  let smallest = found;
  const property = fc.asyncProperty(arbitrary, async (drawn) => {
    if (signal.aborted) return true;
    const { failure } = await run(drawn);
    if (failure === undefined || keyOf(failure) !== key) return true;
    smallest = { drawn, failure, path: found.path };
    return false;
  });
  const details = await fc.check(property, { seed, path: found.path, numRuns: 1 });
  return { ...smallest, path: details.counterexamplePath ?? found.path };
}

async function runCase(
  target: Target,
  subjects: readonly Subject[],
  strategies: readonly Strategy[],
  judge: Judge,
  drawn: FuzzCase,
  signal: AbortSignal,
): Promise<Outcome> {
  const base = subjects[drawn.scenario];
  const strategy = strategies[drawn.strategy];
  if (base === undefined || strategy === undefined) return { seams: [], failure: undefined };
  if (drawn.kind === 'synthetic') {
    // A text prompt is all markup to a server; only messages can tell a look-alike from a control token.
    if (strategy.name === 'raw-text') return { seams: [], failure: undefined };
    const subject = await syntheticSubject(target, base, drawn.text, signal);
    const k = subject.generation.length;
    if (strategy.loses(subject.views[k] ?? { reasoning: '', content: '', toolCalls: [] }))
      return { seams: [], failure: undefined };
    const seam = await judge.judge({ subject, strategy, k, way: 'disconnect', resume: 'none' });
    return outcomeOf([seam]);
  }
  const pauses = normalizePauses(base, drawn.pauses);
  return outcomeOf(await judgeChain(target, judge, base, strategy, pauses, signal));
}

function outcomeOf(seams: readonly JudgedSeam[]): Outcome {
  const seam = seams.at(-1);
  if (seam === undefined || !FAILING.has(seam.verdict)) return { seams, failure: undefined };
  const named = causeOf(seam);
  const pauses = seams.slice(0, -1).map((before) => before.plan.k);
  return { seams, failure: named === undefined ? undefined : { seam, named, pauses } };
}

function enterAll(ledger: Ledger, seams: readonly JudgedSeam[]): void {
  for (const [i, seam] of seams.entries())
    ledger.enter(
      seam,
      seams.slice(0, i).map((before) => before.plan.k),
    );
}
