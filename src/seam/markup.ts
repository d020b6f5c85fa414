/**
 * The texts that the model writes around its thinking, learned from one uninterrupted
 * generation. A client that keeps the think tags inline writes these same texts.
 */
import { bytesOf, type Generation } from './generation.ts';
import { layOut } from './phases.ts';
import { viewOf } from './view.ts';

export interface Markup {
  /** Before the reasoning, e.g. `<think>\n`, with the part that the prompt holds already. */
  readonly opening: string;
  /** The part of the opening that the model writes itself. */
  readonly written: string;
  /** Between reasoning and content, e.g. `</think>\n\n`. */
  readonly closing: string;
}

/** Tags that templates put at the end of a prompt to force thinking. */
const FORCED = /(?:<think>|\[THINK\]|<\|channel\|>analysis<\|message\|>)\n?$/;

/** The markup of a generation; both are empty when the model did not think. */
export function markupOf(generation: Generation): Markup {
  const view = viewOf(generation.deltas);
  if (view.reasoning === '') return { opening: '', written: '', closing: '' };
  const layout = layOut(generation.tokens.slice(0, generation.length), view);
  const text = (start: number, end: number): string =>
    new TextDecoder().decode(layout.raw.subarray(start, end));
  const forced = generation.promptText?.match(FORCED)?.[0] ?? '';
  const written = text(0, layout.reasoning[0]);
  return {
    opening: forced + written,
    written,
    closing: text(layout.reasoning[1], layout.content[0]),
  };
}

/** The text of the first `k` tokens as far as it is whole characters. */
export function rawText(generation: Generation, k: number): string {
  return new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytesOf(generation.tokens, 0, k), {
    stream: true,
  });
}
