/** Whether a stream brought the message to its end, and if not, what cut it. */
import type { Answer } from '../dialects/dialect.ts';
import type { Finish, Phase, View } from '../seam/generation.ts';
import { describeEnd } from '../wire/end.ts';
import type { CutCause } from './events.ts';

export type Ended =
  | { readonly kind: 'finished'; readonly finish: Finish }
  | { readonly kind: 'cut'; readonly cause: CutCause; readonly detail: string };

/**
 * Looks at how an answer ended. A finish reason ends the message, however the bytes ended after
 * it; an end without one is a cut, however orderly it looks.
 *
 * @param left tokens that the message may still have had when the answer began
 */
export function endOf({ finish, end, generated }: Answer, left: number): Ended {
  if (finish === 'length' && generated < left)
    return { kind: 'cut', cause: 'token-limit', detail: `stopped after ${generated} tokens` };
  if (finish !== undefined) return { kind: 'finished', finish };
  const cause =
    end.kind === 'stalled' ? 'stall' : end.kind === 'error-event' ? 'error-event' : 'disconnect';
  const honest = end.kind === 'done' ? ', but told no finish reason' : '';
  return { kind: 'cut', cause, detail: describeEnd(end) + honest };
}

/** Where a client is, by what it has read. */
export function phaseOfView(view: View): Phase {
  if (view.toolCalls.length > 0) return 'tool-call';
  if (view.content !== '') return 'content';
  return view.reasoning === '' ? 'opening' : 'reasoning';
}
