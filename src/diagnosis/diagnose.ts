/** Leads from the evidence of a failing seam to one cause. */
import type { JudgedSeam } from '../checks/seam.ts';
import type { Named } from './causes.ts';
import { nameClientCause, sentMessage } from './client.ts';
import { differenceOf, type Difference } from './difference.ts';
import { keptText } from './kept-text.ts';
import { nameOtherWay } from './other-ways.ts';
import { namePromptCause } from './prompt.ts';
import { nameRefusal } from './refusals.ts';
import { nameStreamCause } from './stream.ts';
import { nameTextCause } from './text.ts';
import { nameIdsCause } from './tokens.ts';

/** Names the cause of a seam with verdict `drift`, `diverged` or `rejected`. */
export function diagnose(seam: JudgedSeam): Named {
  const beside = nameOtherWay(seam);
  if (beside !== undefined) return beside;
  if (seam.plan.subject.generation.counts !== undefined) return nameTextCause(seam);
  const wrongPrompt = seam.prompt !== undefined && !seam.prompt.agrees;
  if (wrongPrompt || seam.refusal !== undefined) {
    const sentOtherwise = diagnoseClient(seam);
    if (sentOtherwise !== undefined) return sentOtherwise;
  }
  if (seam.refusal !== undefined) return nameRefusal(seam.refusal.message);
  return wrongPrompt ? diagnosePrompt(seam) : nameStreamCause(seam);
}

/** What the client sent against what the strategy makes of what it holds. */
function diagnoseClient({ plan, view, requests }: JudgedSeam): Named | undefined {
  const sent = sentMessage(requests);
  if (sent === undefined) return undefined;
  const { generation, markup } = plan.subject;
  const resume = plan.strategy.resume({ generation, markup, k: plan.k, view });
  if (resume.kind !== 'chat' || resume.request.prefill === undefined) return undefined;
  return nameClientCause(resume.request.prefill, sent);
}

function diagnosePrompt(seam: JudgedSeam): Named {
  const { generation, markup } = seam.plan.subject;
  if (seam.prompt !== undefined && addedAtStart(seam.prompt.expected, seam.prompt.actual))
    return { cause: 'bos-doubled', detail: '' };
  const difference = promptDifference(seam);
  const header = generation.promptText;
  if (difference === undefined || header === undefined || seam.prompt === undefined)
    return { cause: 'unexplained', detail: '' };
  if (difference.expected !== difference.actual)
    return namePromptCause({
      difference,
      header,
      markup,
      view: seam.view,
      lossy: seam.plan.strategy.loses(seam.view),
    });
  return nameIdsCause({ generation, ...seam.prompt });
}

/** The text difference behind a failing prompt check, where the server tells its render. */
export function promptDifference(seam: JudgedSeam): Difference | undefined {
  const { generation } = seam.plan.subject;
  if (seam.prompt?.text === undefined || generation.promptText === undefined) return undefined;
  const { kept: length, expected, at, text } = seam.prompt;
  const agreed = (at ?? expected.length) - generation.promptIds.length;
  const kept = keptText(generation, length, agreed, text);
  return differenceOf(generation.promptText + kept, seam.prompt.text);
}

/** True when the actual ids are the expected ones behind one or two more at the start. */
function addedAtStart(expected: readonly number[], actual: readonly number[]): boolean {
  const added = actual.length - expected.length;
  return added <= 2 && expected.every((id, i) => actual[i + added] === id);
}
