/**
 * Check 1 by text, for servers that show the text of a prompt and no ids: a resumed prompt must be
 * the prompt and the beginning of what the model wrote, tags included. What the model wrote is
 * learned by going on with the very prompt, past the parser.
 */
import type { View } from '../seam/generation.ts';
import type { Markup } from '../seam/markup.ts';
import { sameView } from '../seam/view.ts';

/** What the model wrote after a prompt, and where the visible texts lie in it. */
export interface Written {
  /** The prompt. */
  readonly header: string;
  /** What follows it, as the model wrote it. */
  readonly text: string;
  /** The uninterrupted message. */
  readonly message: View;
  /** Start of the reasoning in `text`, and of the content; where there is none, where it would be. */
  readonly reasoningAt: number;
  readonly contentAt: number;
}

export interface PromptTextEvidence {
  readonly agrees: boolean;
  readonly header: string;
  readonly markup: Markup;
  /** Prompt and kept text; of several that a client cannot tell apart, the nearest to the actual one. */
  readonly expected: string;
  readonly actual: string;
}

/** Tags that a template puts at the end of a prompt. */
const FORCED = /(?:<think>|\[THINK\]|<\|channel\|>analysis<\|message\|>)\n?$/;

/**
 * Finds a message in what the model wrote. Undefined where it is not there, or where the tags
 * around a thought are not told: then nothing is known of them.
 */
export function findWritten(header: string, text: string, message: View): Written | undefined {
  const { reasoning, content } = message;
  const reasoningAt = text.indexOf(reasoning);
  if (reasoningAt < 0) return undefined;
  const thought = reasoningAt + reasoning.length;
  const contentAt = text.indexOf(content, thought);
  if (contentAt < 0) return undefined;
  const closing = text.slice(thought, contentAt);
  const written = { header, text, message, reasoningAt, contentAt };
  if (reasoning !== '' && content !== '') return closing.trim() === '' ? undefined : written;
  return closing.trim() === '' ? written : undefined;
}

/** The markup around the thought. */
export function markupIn({ header, text, message, reasoningAt, contentAt }: Written): Markup {
  if (message.reasoning === '') return { opening: '', written: '', closing: '' };
  const written = text.slice(0, reasoningAt);
  return {
    opening: (FORCED.exec(header)?.[0] ?? '') + written,
    written,
    closing: text.slice(reasoningAt + message.reasoning.length, contentAt),
  };
}

/**
 * How much of the text a client can have read that holds this view: at least and at most, since it
 * sees no markup, and white space may be held back. Undefined inside tool calls, whose text a
 * view does not have, and for views that are not of this message.
 */
export function keptIn(
  { text, message, reasoningAt, contentAt }: Written,
  view: View,
): readonly [least: number, most: number] | undefined {
  const { reasoning, content } = message;
  if (view.toolCalls.length > 0)
    return sameView(view, message) ? [text.trimEnd().length, text.length] : undefined;
  if (!reasoning.startsWith(view.reasoning) || !content.startsWith(view.content)) return undefined;
  if (view.content !== '') {
    if (view.reasoning !== reasoning) return undefined;
    const least = contentAt + view.content.length;
    const whole = view.content === content && message.toolCalls.length === 0;
    return [least, whole ? text.length : pastSpace(text, least)];
  }
  if (view.reasoning === '') return [0, reasoning === '' ? contentAt : reasoningAt];
  const least = reasoningAt + view.reasoning.length;
  const whole = view.reasoning === reasoning;
  return [least, whole ? Math.max(contentAt, least) : pastSpace(text, least)];
}

function pastSpace(text: string, at: number): number {
  return text.length - text.slice(at).trimStart().length;
}

/** Compares the text of a resumed prompt with what it must be; undefined where that is not known. */
export function checkPromptText(
  written: Written,
  view: View,
  actual: string,
): PromptTextEvidence | undefined {
  const kept = keptIn(written, view);
  if (kept === undefined) return undefined;
  const [least, most] = kept;
  const { header, text } = written;
  const longest = header + text.slice(0, most);
  const reach = Math.max(least, Math.min(most, commonLength(longest, actual) - header.length));
  return {
    agrees: longest.startsWith(actual) && actual.length >= header.length + least,
    header,
    markup: markupIn(written),
    expected: header + text.slice(0, reach),
    actual,
  };
}

function commonLength(a: string, b: string): number {
  let at = 0;
  while (at < a.length && a[at] === b[at]) at++;
  return at;
}
