/** From a wrong prompt to its cause: rules over the text difference, the most particular first. */
import type { View } from '../seam/generation.ts';
import type { Markup } from '../seam/markup.ts';
import type { Named } from './causes.ts';
import { isWhitespace, type Difference } from './difference.ts';

/** What the rules look at. */
export interface PromptFacts {
  readonly difference: Difference;
  /** The prompt's text before the generation. */
  readonly header: string;
  readonly markup: Markup;
  readonly view: View;
  /** The strategy itself throws something away. */
  readonly lossy: boolean;
}

type Rule = (facts: PromptFacts) => Named | undefined;

const OPENERS = /<think>|\[THINK\]|<\|channel\|>analysis/;
const CLOSERS = /<\/think>|\[\/THINK\]|<\|end\|>/;
const EMPTY_BLOCK = /^(?:<think>\s*<\/think>|\[THINK\]\s*\[\/THINK\])\s*/;
const CONTROL = /<\|[^|<>\s]+\|>|<\/s>|<end_of_turn>|\[\/?INST\]/;

/**
 * Nothing is left of a prefill that was reasoning alone: either the reasoning was dropped or the
 * whole message. Other cuts tell which (see `campaign/findings.ts`).
 */
export const REASONING_ALONE: Named = { cause: 'reasoning-dropped', detail: 'alone' };

/** Names the cause of a wrong prompt whose text differs. */
export function namePromptCause(facts: PromptFacts): Named {
  for (const rule of RULES) {
    const named = rule(facts);
    if (named !== undefined) return named;
  }
  return { cause: 'unexplained', detail: '' };
}

const RULES: readonly Rule[] = [
  function lossy({ lossy: isLossy }) {
    return isLossy ? { cause: 'client-drops-reasoning', detail: '' } : undefined;
  },
  function addedBefore({ difference: { actual, expected } }) {
    const added = actual.endsWith(expected) ? actual.slice(0, actual.length - expected.length) : '';
    return CONTROL.test(added) ? { cause: 'bos-doubled', detail: '' } : undefined;
  },
  function nothingOfIt({ difference: { actual, expected }, header, view }) {
    if (actual === header && expected.length > header.length)
      return isPast(view) || view.reasoning === ''
        ? { cause: 'prefill-dropped', detail: '' }
        : REASONING_ALONE;
    if (header.startsWith(actual)) return { cause: 'header-missing', detail: '' };
    return undefined;
  },
  function appended({ difference: { actual, expected }, header, view, markup }) {
    if (!actual.startsWith(expected)) return undefined;
    const tail = actual.slice(expected.length);
    const control = tail.match(CONTROL)?.[0];
    if (control !== undefined && !CLOSERS.test(control))
      return sharedSuffix(tail, header) > 4
        ? { cause: 'turn-reopened', detail: control }
        : { cause: 'turn-closed', detail: control };
    if (EMPTY_BLOCK.test(tail)) return { cause: 'empty-think-block', detail: '' };
    if (OPENERS.test(tail)) {
      const closed = isPast(view) || CLOSERS.test(expected.slice(header.length));
      return { cause: closed ? 'thinking-reopened' : 'think-tag-doubled', detail: tail };
    }
    if (CLOSERS.test(tail) && markup.closing !== '')
      return { cause: 'thinking-closed-early', detail: tail };
    return isWhitespace(tail) ? { cause: 'whitespace-added', detail: tail } : undefined;
  },
  function closedTurnInside({ difference: { actual, expected }, header }) {
    const tail = actual.slice(header.length);
    const control = tail.match(CONTROL)?.[0];
    if (
      !actual.startsWith(header) ||
      control === undefined ||
      expected.slice(header.length).includes(control)
    )
      return undefined;
    if (CLOSERS.test(control) || OPENERS.test(control)) return undefined;
    return sharedSuffix(tail, header) > 4
      ? { cause: 'turn-reopened', detail: control }
      : { cause: 'turn-closed', detail: control };
  },
  function cutShort({ difference: { actual, expected } }) {
    if (!expected.startsWith(actual)) return undefined;
    const missing = expected.slice(actual.length);
    return isWhitespace(missing) ? { cause: 'trailing-whitespace-trimmed', detail: '' } : undefined;
  },
  function reasoningGone({ difference: { actual }, header, view }) {
    const reasoning = view.reasoning.trim();
    if (reasoning === '' || actual.slice(header.length).includes(reasoning)) return undefined;
    const rest = actual.slice(header.length);
    const emptied =
      isPast(view) && rest.replace(EMPTY_BLOCK, '').trim().startsWith(view.content.trim());
    return emptied ? { cause: 'reasoning-dropped', detail: '' } : undefined;
  },
  function thinkBlockBefore({ difference: { actual }, header, view }) {
    const rest = actual.startsWith(header) ? actual.slice(header.length) : '';
    const block = rest.match(EMPTY_BLOCK)?.[0];
    const held = rest.slice(block?.length ?? 0);
    return block !== undefined && held.includes((view.reasoning || view.content).trim())
      ? { cause: 'empty-think-block', detail: '' }
      : undefined;
  },
  function tags({ difference: { removed, inserted, at, expected }, header, view }) {
    if (isWhitespace(removed) || removed === '') {
      if (OPENERS.test(inserted) && !CLOSERS.test(inserted))
        return CLOSERS.test(expected.slice(header.length, at)) ||
          (isPast(view) && view.reasoning === '')
          ? { cause: 'thinking-reopened', detail: inserted }
          : { cause: 'think-tag-doubled', detail: inserted };
      if (CLOSERS.test(inserted) && !isPast(view))
        return { cause: 'thinking-closed-early', detail: inserted };
    }
    return undefined;
  },
  function whitespace({ difference, header, markup }) {
    const { removed, inserted, at } = difference;
    if ((removed !== '' && !isWhitespace(removed)) || (inserted !== '' && !isWhitespace(inserted)))
      return undefined;
    const detail = `${removed}→${inserted}`;
    if (nearCloser(difference, header)) return { cause: 'separator-rebuilt', detail };
    if (inserted.length > removed.length) return { cause: 'whitespace-added', detail };
    const start = at - header.length <= markup.opening.length;
    return {
      cause: start ? 'leading-whitespace-trimmed' : 'trailing-whitespace-trimmed',
      detail: '',
    };
  },
  function toolCalls({ view, difference: { at, expected }, header }) {
    const call = view.toolCalls[0];
    if (call === undefined || at <= header.length) return undefined;
    return expected.slice(header.length).includes(call.name)
      ? { cause: 'tool-call-rewritten', detail: '' }
      : undefined;
  },
];

/** True when only whitespace stands between the difference and the markup that closes the thinking. */
function nearCloser({ at, expected, removed }: Difference, header: string): boolean {
  const before = expected.slice(header.length, at).trimEnd();
  const after = expected.slice(at + removed.length).trimStart();
  return (
    new RegExp(`(?:${CLOSERS.source})$`).test(before) ||
    new RegExp(`^(?:${CLOSERS.source})`).test(after)
  );
}

/** The message is past its thinking: it has content or tool calls. */
function isPast(view: View): boolean {
  return view.content !== '' || view.toolCalls.length > 0;
}

function sharedSuffix(a: string, b: string): number {
  let size = 0;
  while (size < Math.min(a.length, b.length) && a.at(-1 - size) === b.at(-1 - size)) size++;
  return size;
}
