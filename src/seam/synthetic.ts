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
  const view = viewOfText(base, text);
  const closing = view.content === '' ? '' : markup.closing;
  const raw =
    view.reasoning === '' ? view.content : markup.written + view.reasoning + closing + view.content;
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

/** The text as a client would read it: with the line breaks at its edges that this server leaves to the fields. */
function viewOfText({ markup, views }: Subject, { reasoning, content }: SyntheticText): View {
  const thinks = markup.opening !== '' || markup.closing !== '';
  if (!thinks || reasoning === '') return { reasoning: '', content, toolCalls: [] };
  const model = views.at(-1);
  const trail = /\n*$/.exec(model?.reasoning ?? '')?.[0] ?? '';
  return {
    reasoning: lead(model?.reasoning) + reasoning + (content === '' ? '' : trail),
    content: content === '' ? '' : lead(model?.content) + content,
    toolCalls: [],
  };
}

/** The line breaks that a text starts with. */
function lead(text: string | undefined): string {
  return /^\n*/.exec(text ?? '')?.[0] ?? '';
}
