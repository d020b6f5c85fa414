/**
 * Causes where a server tells no token ids. All that is seen is the resumed text, and the text of
 * the resumed prompt or how many tokens it has; a name is given only where these leave no other.
 */
import type { JudgedSeam } from '../checks/seam.ts';
import type { Cause, Named } from './causes.ts';
import { differenceOf } from './difference.ts';
import { namePromptCause } from './prompt.ts';
import { nameRefusal } from './refusals.ts';
import { nameStreamCause } from './stream.ts';

/** Kept tokens from which on a prompt without them is told from one with a few tokens less. */
const ENOUGH = 4;

/** Names the cause of a failing seam of a generation that has no ids. */
export function nameTextCause(seam: JudgedSeam): Named {
  const { refusal, check, shape, plan } = seam;
  if (refusal !== undefined) return nameRefusal(refusal.message);
  if (check === 'transport') return nameStreamCause(seam);
  if (plan.strategy.loses(seam.view)) return { cause: 'client-drops-reasoning', detail: '' };
  const wrong = wrongPromptText(seam);
  if (wrong !== undefined) return wrong;
  if (shape?.problem === 'echo') return { cause: startsOver(seam), detail: '' };
  const missing = missingTokens(seam);
  if (missing !== undefined) return missing;
  if (shape?.problem === undefined) return { cause: 'unexplained', detail: '' };
  // Equal events are no sign of a retry here: they hold nothing that tells one from the next.
  const answer = seam.answer && { ...seam.answer, capture: [], tokens: [] };
  const named = nameStreamCause({ ...seam, answer });
  return TEXT_ALONE.has(named.cause) ? { cause: 'text-differs', detail: '' } : named;
}

/** What the text of a wrong prompt tells, where it is known. */
function wrongPromptText({ promptText, view, plan }: JudgedSeam): Named | undefined {
  if (promptText === undefined || promptText.agrees) return undefined;
  const { expected, actual, header, markup } = promptText;
  const named = namePromptCause({
    difference: differenceOf(expected, actual),
    header,
    markup,
    view,
    lossy: plan.strategy.loses(view),
  });
  return named.cause === 'unexplained' ? undefined : named;
}

/** Names for another text that hold only where the prompt is known to be right. */
const TEXT_ALONE: ReadonlySet<Cause> = new Set([
  'text-lost',
  'text-repeated',
  'character-dropped',
  'leading-whitespace-swallowed',
  'unexplained',
] as const);

/** An answer that starts with what is held: sent again, or generated again? */
function startsOver({ answer, promptCount, plan }: JudgedSeam): Cause {
  const generated = answer?.usage.generatedTokens;
  // What is echoed was not generated.
  if (answer !== undefined && generated !== undefined && answer.generated > generated + ENOUGH)
    return 'prefill-echoed';
  if (promptCount === undefined || promptCount.agrees) return 'prefill-echoed';
  return isGone(promptCount, plan.k) ? 'prefill-dropped' : 'answered-anew';
}

function isGone({ actual, base }: NonNullable<JudgedSeam['promptCount']>, k: number): boolean {
  return k >= ENOUGH && actual - base < k / 2;
}

/** What a wrong number of prompt tokens tells. */
function missingTokens({ promptCount, plan }: JudgedSeam): Named | undefined {
  if (promptCount === undefined || promptCount.agrees) return undefined;
  const { k, subject } = plan;
  const { actual, base, least } = promptCount;
  const reasoning = subject.generation.tokens
    .slice(0, k)
    .filter(({ phase }) => phase === 'reasoning').length;
  const lacks = least - actual;
  if (reasoning >= ENOUGH && k - reasoning >= ENOUGH && Math.abs(lacks - reasoning) <= ENOUGH / 2)
    return { cause: 'reasoning-dropped', detail: '' };
  if (isGone(promptCount, k)) return { cause: 'prefill-dropped', detail: '' };
  return { cause: 'prompt-count-differs', detail: actual > base && lacks <= 0 ? 'more' : 'fewer' };
}
