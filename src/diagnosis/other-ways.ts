/**
 * Causes of resumes that are no streamed chat: an API that a server may not have, whose prompts are
 * known by their length alone, and the replay of a stream.
 */
import type { JudgedSeam } from '../checks/seam.ts';
import type { Cause, Named } from './causes.ts';
import { nameRefusal } from './refusals.ts';
import { nameStreamCause } from './stream.ts';
import { nameTextCause } from './text.ts';

/** A status that says that there is nothing at a path. */
const MISSING: ReadonlySet<number> = new Set([404, 405, 501]);

/** What can be wrong with a whole answer and has a name of its own. */
const WHOLE: ReadonlySet<Cause> = new Set([
  'prefill-echoed',
  'content-as-reasoning',
  'reasoning-as-content',
  'finish-dishonest',
] as const);

/** Names the cause where the way of asking decides it; undefined where the evidence is that of a chat. */
export function nameOtherWay(seam: JudgedSeam): Named | undefined {
  const needs = seam.plan.strategy.needs ?? [];
  const replays = needs.includes('stream-replay');
  if (seam.refusal !== undefined && needs.length > 0)
    return MISSING.has(seam.refusal.status)
      ? { cause: replays ? 'replay-missing' : 'route-missing', detail: '' }
      : nameRefusal(seam.refusal.message);
  if (seam.check === 'transport') return undefined;
  if (replays) return { cause: 'replay-differs', detail: seam.shape?.problem ?? 'tokens' };
  if (needs.includes('whole') && seam.basis.join() === 'shape') {
    const named = nameStreamCause(seam);
    return WHOLE.has(named.cause) ? named : { cause: 'whole-differs', detail: named.cause };
  }
  const counted = seam.promptCount !== undefined;
  return counted && seam.plan.subject.generation.counts === undefined
    ? nameTextCause(seam)
    : undefined;
}
