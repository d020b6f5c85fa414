/**
 * What the judges share: how a resume is known to have broken, what another token looks like in a
 * text, and that a seam which fails is run a second time before it is believed.
 */
import type { JudgedSeam } from '../checks/seam.ts';
import type { ShapeProblem } from '../checks/shape.ts';
import type { Answer } from '../dialects/dialect.ts';
import { describeEnd, endedWell } from '../wire/end.ts';

/**
 * What another token looks like in a text. On an engine that does not repeat itself such a text
 * proves nothing, however often it comes.
 */
export const OTHER_TEXT: ReadonlySet<ShapeProblem | undefined> = new Set([
  'other',
  'lost',
  'repeated',
] as const);

/** Tokens that a resume to the end may generate more than the uninterrupted run, to show that it does not end. */
export const PAST_THE_END = 8;

/** The server did not end the stream in good order; without `[DONE]` a finish reason is one. */
export function broke({ end, finish }: Pick<Answer, 'end' | 'finish'>): boolean {
  if (end.kind === 'closed') return finish === undefined;
  return !endedWell(end) && end.kind !== 'aborted';
}

/**
 * Runs a seam, and once more when it diverged. What fails in another way the second time is
 * `unstable`, and a stream that broke only once is trouble: an `error`.
 *
 * @param resume runs the seam; `time` is 1, then 2
 * @param same whether the second failure is the first one again
 */
export async function believed(
  resume: (time: number) => Promise<JudgedSeam>,
  same: (first: JudgedSeam, second: JudgedSeam) => boolean = sameFailure,
): Promise<JudgedSeam> {
  const first = await resume(1);
  if (first.verdict !== 'diverged') return first;
  const second = await resume(2);
  if (same(first, second)) return { ...first, reruns: 1 };
  const { answer } = first;
  return first.check === 'transport' && answer !== undefined
    ? {
        ...first,
        verdict: 'error',
        check: undefined,
        error: `the resumed stream ${describeEnd(answer.end)}`,
        reruns: 1,
      }
    : { ...first, verdict: 'unstable', reruns: 1 };
}

/** Characters of a wrong text that must come again. */
const START = 40;

/** True when both runs diverged by the same check, in the same way, with the same text. */
export function sameFailure(a: JudgedSeam, b: JudgedSeam): boolean {
  return (
    b.verdict === 'diverged' &&
    a.check === b.check &&
    a.answer?.end.kind === b.answer?.end.kind &&
    a.shape?.problem === b.shape?.problem &&
    a.shape?.actual.slice(0, START) === b.shape?.actual.slice(0, START)
  );
}
