/** The log of a bisection and its answer, as lines. */
import { visible } from '../tokens/text.ts';
import type { Bisection, BisectStep } from './bisect.ts';

const WORDS = { present: 'bad', absent: 'good', skip: 'skip' } as const;

/** One step: number, build, what it was, how long it took, and what was seen. */
export function stepLine({ version, outcome, seconds, why }: BisectStep, number: number): string {
  const cells = [
    String(number).padStart(3),
    visible(version).padEnd(14),
    WORDS[outcome].padEnd(4),
    `${seconds.toFixed(1).padStart(6)} s`,
    visible(why),
  ];
  return cells.join('  ');
}

/** What was found, in a sentence or two. */
export function answerLines(
  { looksFor, last, first, skipped }: Bisection,
  steps: readonly BisectStep[],
  seconds: number,
): string[] {
  const [before, after] = looksFor === 'first-bad' ? ['good', 'bad'] : ['bad', 'good'];
  const cost = `${steps.length} builds tested in ${seconds.toFixed(0)} s`;
  if (skipped.length === 0)
    return [`first ${after} build: ${first}; last ${before} build: ${last}`, cost].map((line) =>
      visible(line),
    );
  return [
    `the first ${after} build is one of ${[...skipped, first].join(', ')}: ${skipped.join(', ')} could not be tested`,
    `last ${before} build: ${last}`,
    cost,
  ].map((line) => visible(line));
}
