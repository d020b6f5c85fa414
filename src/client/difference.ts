/** A failing prompt check in the words that findings use. */
import { unjudged } from '../campaign/judge.ts';
import type { CheckedResume } from '../checks/resume.ts';
import type { JudgedSeam } from '../checks/seam.ts';
import { CAUSES } from '../diagnosis/causes.ts';
import { diagnose, promptDifference } from '../diagnosis/diagnose.ts';
import type { Held, Strategy } from '../seam/strategy.ts';
import { derive } from '../seam/subject.ts';
import { visible } from '../tokens/text.ts';
import type { PromptDifference } from './error.ts';

/** Names the cause of a difference, and says it in a sentence. */
export function explainDifference(
  held: Held,
  strategy: Strategy,
  { prompt }: Pick<CheckedResume, 'prompt'>,
): { readonly sentence: string; readonly difference: PromptDifference } {
  const subject = {
    ...derive(held.generation),
    repeat: { tried: 0, disagreements: 0, noise: 0 },
    told: held.k,
  };
  const seam: JudgedSeam = {
    ...unjudged({
      subject,
      strategy,
      k: held.k,
      way: 'disconnect',
      view: held.view,
      resume: 'never',
    }),
    verdict: 'drift',
    check: 'prompt',
    prompt,
  };
  const { cause } = diagnose(seam);
  const text = promptDifference(seam);
  const at = prompt.at ?? 0;
  const difference: PromptDifference = {
    cause,
    at,
    expectedIds: prompt.expected,
    actualIds: prompt.actual,
    removed: text?.removed ?? '',
    inserted: text?.inserted ?? '',
  };
  const words =
    difference.removed === difference.inserted
      ? `ids: wanted ${idsFrom(prompt.expected, at)}, got ${idsFrom(prompt.actual, at)}`
      : `wanted ${quote(difference.removed)}, got ${quote(difference.inserted)}`;
  return { sentence: `${CAUSES[cause].title} After ${held.k} tokens: ${words}.`, difference };
}

function idsFrom(ids: readonly number[], at: number): string {
  const shown = ids.slice(at, at + 6).join(' ');
  return `${shown === '' ? 'nothing' : shown}${ids.length > at + 6 ? ' …' : ''} at ${at}`;
}

function quote(text: string): string {
  return text === '' ? 'nothing' : `“${visible(text.slice(0, 40))}${text.length > 40 ? '…' : ''}”`;
}
