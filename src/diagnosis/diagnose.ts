/** Leads from the evidence of a failing seam to one cause. */
import type { ShapeProblem } from '../checks/shape.ts';
import type { JudgedSeam } from '../checks/seam.ts';
import { bytesOf } from '../seam/generation.ts';
import type { Cause, Named } from './causes.ts';
import { differenceOf, type Difference } from './difference.ts';
import { namePromptCause } from './prompt.ts';
import { nameRefusal } from './refusals.ts';
import { nameTokenCause } from './tokens.ts';

const SHAPE_CAUSES: Readonly<Record<ShapeProblem, Cause>> = {
  echo: 'prefill-echoed',
  'content-as-reasoning': 'content-as-reasoning',
  'reasoning-as-content': 'reasoning-as-content',
  lost: 'text-lost',
  repeated: 'text-repeated',
  'broken-character': 'character-broken',
  'markup-leaked': 'markup-leaked',
  'new-tool-call': 'tool-call-restarted',
  finish: 'finish-dishonest',
  other: 'unexplained',
};

/** Names the cause of a seam with verdict `drift`, `diverged` or `rejected`. */
export function diagnose(seam: JudgedSeam): Named {
  if (seam.refusal !== undefined) return nameRefusal(seam.refusal.message);
  if (seam.prompt !== undefined && !seam.prompt.agrees) return diagnosePrompt(seam);
  const problem = seam.shape?.problem;
  if (problem !== undefined) return { cause: SHAPE_CAUSES[problem], detail: '' };
  return { cause: 'continuation-differs', detail: '' };
}

function diagnosePrompt(seam: JudgedSeam): Named {
  const { generation, markup } = seam.plan.subject;
  if (seam.prompt !== undefined && addedAtStart(seam.prompt.expected, seam.prompt.actual))
    return { cause: 'bos-doubled', detail: '' };
  const difference = promptDifference(seam);
  const header = generation.promptText;
  if (difference === undefined || header === undefined) return { cause: 'unexplained', detail: '' };
  if (difference.expected !== difference.actual)
    return namePromptCause({
      difference,
      header,
      markup,
      view: seam.view,
      lossy: seam.plan.strategy.loses(seam.view),
    });
  const { at = 0, kept = 0 } = seam.prompt ?? {};
  const from = Math.max(0, at - generation.promptIds.length);
  return nameTokenCause(new TextDecoder().decode(bytesOf(generation.tokens, from, kept)));
}

/** The text difference behind a failing prompt check, where the server tells its render. */
export function promptDifference(seam: JudgedSeam): Difference | undefined {
  const { generation } = seam.plan.subject;
  if (seam.prompt?.text === undefined || generation.promptText === undefined) return undefined;
  const kept = new TextDecoder('utf-8', { ignoreBOM: true }).decode(
    bytesOf(generation.tokens, 0, seam.prompt.kept),
    { stream: true },
  );
  return differenceOf(generation.promptText + kept, seam.prompt.text);
}

/** True when the actual ids are the expected ones behind one or two more at the start. */
function addedAtStart(expected: readonly number[], actual: readonly number[]): boolean {
  const added = actual.length - expected.length;
  return (
    added >= 1 &&
    added <= 2 &&
    expected.length > 0 &&
    expected.every((id, i) => actual[i + added] === id)
  );
}
