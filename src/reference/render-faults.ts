/** The faults of a prompt's render: each a small change of a correct prompt's parts. */
import { MARKUP } from './track.ts';
import type { FaultName, Plan } from './faults.ts';
import type { PartsChange, PromptParts } from './render.ts';

const BOS = '<|endoftext|>';

/** In the order in which they are applied when several are planted. */
const CHANGES: readonly (readonly [FaultName, PartsChange])[] = [
  ['reasoning-lost', (parts) => ({ ...parts, opening: '', reasoning: '', closing: '' })],
  [
    'newline-before-close',
    (parts) => (parts.closing === '' ? parts : { ...parts, closing: `\n${parts.closing}` }),
  ],
  [
    'thinking-reopened',
    (parts) => (hasAnswer(parts) ? { ...parts, closing: parts.closing + MARKUP.opening } : parts),
  ],
  ['trailing-space-stripped', stripEnd],
  ['turn-closed', closeTurn],
  [
    'prefill-dropped',
    (parts) => ({
      ...parts,
      opening: '',
      reasoning: '',
      closing: '',
      content: '',
      calls: '',
      tail: '',
    }),
  ],
  ['bos-doubled', (parts) => ({ ...parts, lead: BOS + BOS + parts.lead })],
];

/** The changes that strike the request that `key` stands for. */
export function renderChanges(plan: Plan, key: string): PartsChange[] {
  return CHANGES.filter(([name]) => plan.strikes(name, key)).map(([, change]) => change);
}

/** True when the trailing message is past its thinking. */
function hasAnswer(parts: PromptParts): boolean {
  return parts.closing !== '' || parts.content !== '' || parts.calls !== '';
}

function stripEnd(parts: PromptParts): PromptParts {
  if (parts.calls !== '') return { ...parts, calls: parts.calls.trimEnd() };
  if (parts.content !== '') return { ...parts, content: parts.content.trimEnd() };
  return parts.closing === ''
    ? { ...parts, reasoning: parts.reasoning.trimEnd() }
    : { ...parts, closing: parts.closing.trimEnd() };
}

/** Closes what is open, as the template does with a past turn. */
function closeTurn(parts: PromptParts): PromptParts {
  const closing = parts.opening !== '' && parts.closing === '' ? MARKUP.closing : parts.closing;
  return { ...parts, closing, tail: `${MARKUP.endOfTurn}\n${parts.generationPrompt}` };
}
