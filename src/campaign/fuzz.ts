/**
 * Fuzz: fast-check draws cases. A failing case is run again before it is shrunk; one that does
 * not fail the same way every time is `unstable` and never shrunk. A cause that is known by then
 * does not end the search, so that one bug does not hide the next.
 */
import fc from 'fast-check';
import type { JudgedSeam } from '../checks/seam.ts';
import { FAILING } from '../checks/verdict.ts';
import type { Target } from '../dialects/dialect.ts';
import { isTextLevel } from '../dialects/text-level-strength.ts';
import { EMPTY_VIEW } from '../seam/generation.ts';
import { applies, type Strategy } from '../seam/strategy.ts';
import { syntheticSubject } from '../seam/synthetic.ts';
import { fuzzCases, type FuzzCase } from './cases.ts';
import { judgeChain, normalizePauses } from './chain.ts';
import type { RunListener } from './events.ts';
import { keyOf, type Failure } from './findings.ts';
import type { Judge } from './judge.ts';
import { causeOf, type Ledger } from './ledger.ts';
import type { Subjects } from './shelf.ts';

export interface FuzzOptions {
  readonly strategies: readonly Strategy[];
  readonly cases: number;
  readonly seed: number;
  readonly signal: AbortSignal;
  /** The share of the cases to try, where they are split over machines; 1-based. */
  readonly shard?: { readonly index: number; readonly of: number } | undefined;
  /** Called before each case is run. */
  readonly onCase?: ((why: CaseUse) => void) | undefined;
}

/** Why a case is run: it was drawn, it failed and is run again, it may be a smaller example. */
export type CaseUse = 'drawn' | 'again' | 'smaller';

/** Cases in a row that end in an error before the target is given up. */
const ERRORS_IN_A_ROW = 5;

/** Times that a failing case is run again before it is believed. */
const RERUNS = 2;

type RunCase = (drawn: FuzzCase, why: CaseUse) => Promise<Outcome>;

interface Outcome {
  readonly seams: readonly JudgedSeam[];
  readonly failure: Failure | undefined;
}

/**
 * Tries every case of the seed until the run is aborted or the target answers with errors only.
 * Which cases are drawn does not depend on what they show, so that machines can share them.
 */
export async function fuzz(
  target: Target,
  subjects: Subjects,
  judge: Judge,
  ledger: Ledger,
  options: FuzzOptions,
  listener: RunListener,
): Promise<'done' | 'target-lost'> {
  const { strategies, signal, seed, shard, onCase } = options;
  const longest = Math.max(1, ...Array.from(subjects, (subject) => subject.generation.length));
  const arbitrary = fuzzCases(subjects.length, strategies.length, longest);
  const run = (drawn: FuzzCase, why: CaseUse): Promise<Outcome> => {
    onCase?.(why);
    return runCase(target, subjects, strategies, judge, drawn, signal);
  };
  const known = new Set<string>();
  let number = 0;
  let errors = 0;
  let trouble: unknown;
  const settle = async (drawn: FuzzCase, failure: Failure, path: string): Promise<void> => {
    const key = keyOf(failure);
    known.add(key);
    if (await failsAgain(run, drawn, key)) {
      const minimal = await shrink(arbitrary, seed, { drawn, failure, path }, key, run, signal);
      const { seam, pauses } = minimal.failure;
      ledger.enter({ ...seam, reruns: RERUNS }, pauses, { seed, path: minimal.path });
      return;
    }
    listener({ kind: 'note', text: `case ${path} failed once and not again: unstable` });
    ledger.enter({ ...failure.seam, verdict: 'unstable', reruns: RERUNS }, failure.pauses);
  };
  const property = fc.asyncProperty(arbitrary, async (drawn) => {
    const path = String(number++);
    // A property that fails ends the drawing.
    if (signal.aborted || trouble !== undefined || errors >= ERRORS_IN_A_ROW) return false;
    if (shard !== undefined && Number(path) % shard.of !== shard.index - 1) return true;
    try {
      const { seams, failure } = await run(drawn, 'drawn');
      errors = seams.at(-1)?.verdict === 'error' ? errors + 1 : 0;
      if (failure === undefined || known.has(keyOf(failure))) enterAll(ledger, seams);
      else await settle(drawn, failure, path);
    } catch (error) {
      trouble = error;
    }
    return true;
  });
  await fc.check(property, { seed, numRuns: options.cases, endOnFailure: true });
  if (trouble !== undefined) throw trouble;
  return errors >= ERRORS_IN_A_ROW ? 'target-lost' : 'done';
}

interface Found {
  readonly drawn: FuzzCase;
  readonly failure: Failure;
  /** fast-check's path to the case, for replay with the seed. */
  readonly path: string;
}

async function failsAgain(run: RunCase, drawn: FuzzCase, key: string): Promise<boolean> {
  for (let i = 0; i < RERUNS; i++) {
    const { failure } = await run(drawn, 'again');
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
  run: RunCase,
  signal: AbortSignal,
): Promise<Found> {
  let smallest = found;
  const property = fc.asyncProperty(arbitrary, async (drawn) => {
    if (signal.aborted) return true;
    const { failure } = await run(drawn, 'smaller');
    if (failure === undefined || keyOf(failure) !== key) return true;
    smallest = { drawn, failure, path: found.path };
    return false;
  });
  const details = await fc.check(property, { seed, path: found.path, numRuns: 1 });
  return { ...smallest, path: details.counterexamplePath ?? found.path };
}

async function runCase(
  target: Target,
  subjects: Subjects,
  strategies: readonly Strategy[],
  judge: Judge,
  drawn: FuzzCase,
  signal: AbortSignal,
): Promise<Outcome> {
  const base = subjects.at(drawn.scenario);
  const strategy = strategies[drawn.strategy];
  // What a client has begun itself can't be cut out of a stream; sweeps test it.
  if (base === undefined || strategy === undefined || base.generation.given !== undefined)
    return { seams: [], failure: undefined };
  if (drawn.kind === 'synthetic') {
    // A text prompt is all markup to a server, and one that shows no prompts cannot be asked what it
    // makes of a text that it did not write.
    if (strategy.name === 'raw-text' || isTextLevel(target))
      return { seams: [], failure: undefined };
    const subject = await syntheticSubject(target, base, drawn.text, signal);
    const k = subject.generation.length;
    const view = subject.views[k] ?? EMPTY_VIEW;
    if (strategy.loses(view) || !applies(strategy, subject.generation, view))
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
