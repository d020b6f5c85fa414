/**
 * Synthetic generations. The prompt check generates nothing, so any text can play the part of a
 * generation: the client holds it, the server must render the prompt that ends with just that
 * text. Its tokens are the text's own encoding, so that only template and parser are on trial;
 * what a tokenizer does to cut generations shows in real ones.
 */
import type { Target } from '../dialects/dialect.ts';
import type { Generation, View } from './generation.ts';
import type { Subject } from './subject.ts';
import { layOut, phasesOf } from './phases.ts';
import { derive } from './subject.ts';

export interface SyntheticText {
  readonly reasoning: string;
  readonly content: string;
}

/**
 * A subject whose generation is the given text, to be cut at its end. The scenario's own
 * generation lends the think tags; for one that does not think, the reasoning is left out.
 */
export async function syntheticSubject(
  target: Target,
  base: Subject,
  text: SyntheticText,
  signal: AbortSignal,
): Promise<Subject> {
  const { markup } = base;
  const thinks = markup.opening !== '' || markup.closing !== '';
  const reasoning =
    thinks && text.reasoning !== ''
      ? text.reasoning + (text.content === '' ? '' : lastLineBreaks(base))
      : '';
  const view: View = { reasoning, content: text.content, toolCalls: [] };
  const closing = text.content === '' ? '' : markup.closing;
  const raw = reasoning === '' ? text.content : markup.written + reasoning + closing + text.content;
  const tokens = raw === '' ? [] : await target.encodePlain(raw, signal);
  const phases = phasesOf(tokens, layOut(tokens, view));
  const generation: Generation = {
    scenario: base.generation.scenario,
    promptIds: base.generation.promptIds,
    promptText: base.generation.promptText,
    tokens: tokens.map((token, i) => ({ ...token, phase: phases[i] ?? 'content' })),
    length: tokens.length,
    finish: undefined,
    deltas: [{ after: tokens.length, reasoning: view.reasoning, content: view.content }],
    synthetic: true,
  };
  return { ...base, ...derive(generation), markup };
}

/** What the model writes between its last thought and the end of the thinking, e.g. one line break. */
function lastLineBreaks(base: Subject): string {
  return base.views.at(-1)?.reasoning.match(/\s*$/)?.[0] ?? '';
}
