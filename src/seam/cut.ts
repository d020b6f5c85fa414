/** Cuts: k generated tokens kept, and how the stream was ended. */
import type { SamplingOptions, Target } from '../dialects/dialect.ts';
import { endedWell, type StreamEnd } from '../wire/end.ts';
import { requestOf } from './generate.ts';
import type { Generation, View } from './generation.ts';
import { rawText } from './markup.ts';
import { viewOf } from './view.ts';

/** How a stream is ended: closing the connection, a token limit, or a stop string. */
export const WAYS = ['disconnect', 'max-tokens', 'stop-string'] as const;
export type Way = (typeof WAYS)[number];

/** Longest stop string that is tried, in characters; no token is shorter than one. */
const LONGEST_STOP = 24;

/**
 * A string that the uninterrupted run writes right after the cut and nowhere before its end, so
 * that it stops the stream there; undefined where there is none.
 */
export function stopStringAt(generation: Generation, k: number): string | undefined {
  const kept = rawText(generation, k);
  const whole = rawText(generation, generation.length);
  for (let size = 1; size <= LONGEST_STOP && kept.length + size <= whole.length; size++) {
    const stop = whole.slice(kept.length, kept.length + size);
    if (stop.isWellFormed() && stop.trim() !== '' && whole.indexOf(stop) === kept.length)
      return stop;
  }
  return undefined;
}

/** A cut that was really made. */
export interface RealCut {
  readonly view: View;
  readonly generated: number;
  readonly end: StreamEnd;
  readonly finish: string | undefined;
}

/** Whether a cut can be made in this way: a token limit of 0 cannot be asked for, nor a stop string be found everywhere. */
export function canCut(generation: Generation, k: number, way: Way): boolean {
  if (way === 'max-tokens') return k > 0;
  return way === 'disconnect' || stopStringAt(generation, k) !== undefined;
}

/** Streams the scenario again and really cuts it after `k` tokens. */
export async function cutForReal(
  target: Target,
  generation: Generation,
  k: number,
  way: Way,
  signal: AbortSignal,
): Promise<RealCut> {
  const stop = way === 'stop-string' ? stopStringAt(generation, k) : undefined;
  const sampling: SamplingOptions = {
    maxTokens: way === 'max-tokens' ? Math.max(1, k) : generation.scenario.maxTokens,
    top: 0,
    cache: 'cold',
    ...(stop === undefined ? {} : { stop: [stop] }),
  };
  const stopWhen =
    way === 'disconnect' ? ({ generated }: { generated: number }) => generated >= k : undefined;
  const answer = await target.chat(requestOf(generation.scenario), sampling, {
    signal,
    use: `cut ${way} ${k}`,
    ...(stopWhen === undefined ? {} : { stopWhen }),
  });
  const kept =
    answer.end.kind === 'aborted'
      ? answer.deltas.filter((delta) => delta.after <= k)
      : answer.deltas;
  return {
    view: viewOf(kept),
    generated: answer.generated,
    end: answer.end,
    finish: answer.finish,
  };
}

/** True when a cut of `k` tokens ended the way it was meant to, and not far behind it. */
export function cutEndedAsMeant(cut: RealCut, k: number, way: Way): boolean {
  if (way === 'disconnect') return cut.end.kind === 'aborted' || endedWell(cut.end);
  const past = way === 'max-tokens' ? 0 : LONGEST_STOP;
  return endedWell(cut.end) && cut.generated <= Math.max(1, k) + past;
}
