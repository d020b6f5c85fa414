/** Stitching: what a client holds after it has read on in a resumed stream. */
import type { Delta, View } from './generation.ts';
import { addDelta } from './view.ts';

/** The deltas of a stream that belong to its first `reach` tokens; all of them without a limit. */
export function deltasWithin(deltas: readonly Delta[], reach: number = Infinity): Delta[] {
  return deltas.filter((delta) => delta.after <= reach);
}

/** What is held after a resumed stream: the texts go on where they ended, field by field. */
export function stitchView(held: View, added: readonly Delta[]): View {
  let view = held;
  for (const delta of added) view = addDelta(view, delta);
  return view;
}

/**
 * The deltas of a resumed stream as deltas of the whole generation.
 *
 * @param kept tokens of the generation in whose place the resumed prompt stands
 */
export function shiftDeltas(deltas: readonly Delta[], kept: number): Delta[] {
  return deltas.map((delta) => ({ ...delta, after: kept + delta.after }));
}
