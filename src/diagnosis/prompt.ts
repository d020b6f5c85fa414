/** From a wrong prompt to its cause: rules over the text difference, the most particular first. */
import type { View } from '../seam/generation.ts';
import type { Markup } from '../seam/markup.ts';
import type { Cause, Named } from './causes.ts';
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

const OPENERS = /<think>|\[THINK\]|<\|channel\|>analysis(?:<\|message\|>)?/;
/** A tag at the end of a prompt that makes the model think. */
const FORCED = /(?:<think>|\[THINK\]|<\|channel\|>analysis<\|message\|>)\n?$/;
const CLOSERS = /<\/think>|\[\/THINK\]|<\|end\|>/;
const EMPTY_BLOCK = /^(?:<think>\s*<\/think>|\[THINK\]\s*\[\/THINK\])\s*/;
/** Tokens that begin or end turns, in the template families that are known. */
const CONTROL = /<[|｜][^|｜<>\s]+[|｜]>|<\/?s>|<bos>|<(?:start|end)_of_turn>|\[\/?INST\]/;
/** Tokens that end a turn; harmony's `<|end|>` ends a thought as well. */
const ENDERS =
  /<\|(?:im_end|eot_id|end_of_text|endoftext|return|call|end)\|>|<｜end▁of▁sentence｜>|<\/s>|<end_of_turn>/;
/** The name of a role that is not the model's, where a turn begins. */
const OTHER_ROLE = /^(?:<[^<>]*>|\s)*(?:user|human|system|tool|User)\b|\[INST\]|<｜User｜>/;
const CHANNEL = /<\|channel\|>([a-z]+)/;
const CHANNEL_TAG = /<\|channel\|>$/;
/** Characters of a prompt by which its beginning is known again. */
const ENOUGH = 24;
const TAG_LITERAL = /<\/?think>|\[\/?THINK\]/;

/**
 * Nothing is left of a prefill that was reasoning alone: either the reasoning was dropped or the
 * whole message. Other cuts tell which (see `campaign/findings.ts`).
 */
export const REASONING_ALONE: Named = { cause: 'reasoning-dropped', detail: 'alone' };

/** Names the cause of a wrong prompt whose text differs. */
export function namePromptCause(facts: PromptFacts): Named {
  for (const rule of RULES) {
    const found = rule(facts);
    if (found !== undefined) return found;
  }
  return { cause: 'unexplained', detail: '' };
}

const RULES: readonly Rule[] = [
  function lossy({ lossy: isLossy }) {
    return isLossy ? named('client-drops-reasoning') : undefined;
  },
  function addedBefore({ difference: { actual }, header }) {
    const at = actual.indexOf(header.slice(0, ENOUGH), 1);
    const added = actual.slice(0, Math.max(0, at));
    return added !== '' && added.replaceAll(new RegExp(CONTROL, 'g'), '') === ''
      ? named('bos-doubled')
      : undefined;
  },
  function forcedTagGone({ difference: { actual }, header, view }) {
    const tag = FORCED.exec(header)?.[0];
    const bare = tag === undefined ? header : header.slice(0, -tag.length);
    if (tag === undefined || !actual.startsWith(bare) || actual.startsWith(header))
      return undefined;
    const rest = actual.slice(bare.length);
    const end = ENDERS.exec(rest)?.[0];
    if (end !== undefined)
      return named(sharedSuffix(rest, header) > 4 ? 'turn-reopened' : 'turn-closed', end);
    const thought = view.reasoning.trim();
    return thought !== '' && !rest.includes(thought)
      ? named('reasoning-dropped')
      : named('wrong-channel', tag.trim());
  },
  function nothingOfIt({ difference: { actual, expected }, header, view }) {
    if (actual === header && expected.length > header.length)
      return isPast(view) || view.reasoning === '' ? named('prefill-dropped') : REASONING_ALONE;
    if (!header.startsWith(actual)) return undefined;
    if (endsWithMarkup(actual)) return named('header-missing');
    const text = (view.content || view.reasoning).trim();
    if (text !== '' && actual.endsWith(text)) return named('matched-earlier');
    return leavesTurnOpen(header.slice(actual.length))
      ? named('user-continued')
      : named('header-missing');
  },
  function otherRole({ difference: { actual, inserted, at }, header, view }) {
    const text = (view.content || view.reasoning).trim();
    const moved = at < header.length && OTHER_ROLE.test(inserted);
    return moved && actual.slice(at).includes(text) ? named('prefill-as-user') : undefined;
  },
  function brokenCharacter({ difference: { inserted, removed } }) {
    return inserted.includes('\uFFFD') && !removed.includes('\uFFFD')
      ? named('mid-character')
      : undefined;
  },
  function thinkBlockBefore({ difference: { actual, expected }, header, view }) {
    const rest = actual.startsWith(header) ? actual.slice(header.length) : '';
    const block = rest.match(EMPTY_BLOCK)?.[0];
    const held = rest.slice(block?.length ?? 0);
    // A model may write about think tags; a block that belongs to its text was not put there.
    const own =
      block !== undefined && expected.slice(header.length).trimStart().startsWith(block.trim());
    return block !== undefined && !own && held.includes((view.reasoning || view.content).trim())
      ? named('empty-think-block')
      : undefined;
  },
  function appended({ difference: { actual, expected }, header, view, markup }) {
    if (!actual.startsWith(expected)) return undefined;
    const tail = actual.slice(expected.length);
    const closed = turnClosed(tail, header, markup);
    if (closed !== undefined) return closed;
    if (EMPTY_BLOCK.test(tail)) return named('empty-think-block');
    if (OPENERS.test(tail)) {
      const wasClosed = isPast(view) || CLOSERS.test(expected.slice(header.length));
      return named(wasClosed ? 'thinking-reopened' : 'think-tag-doubled', tail);
    }
    const closer = CLOSERS.exec(tail)?.[0];
    if (closer !== undefined) return named('thinking-closed-early', closer);
    return isWhitespace(tail) ? named('whitespace-added', tail) : undefined;
  },
  function closedTurnInside({ difference: { actual, expected, at }, header, markup }) {
    if (!actual.startsWith(header)) return undefined;
    const tail = actual.slice(Math.max(at, header.length));
    return ENDERS.test(expected.slice(Math.max(at, header.length)))
      ? undefined
      : turnClosed(tail, header, markup);
  },
  function startGone({ difference, header, view }) {
    return startTrimmed(difference, header, view) ? named('leading-whitespace-trimmed') : undefined;
  },
  function tagLiteral({ difference: { actual, removed }, view }) {
    if (!TAG_LITERAL.test(view.content)) return undefined;
    const gone = !actual.includes(view.content.trimEnd()) || TAG_LITERAL.test(removed);
    return gone ? named('tag-literal-parsed') : undefined;
  },
  function channelHeader({ difference: { actual, at, removed, inserted } }) {
    // The two may differ in the channel's name alone.
    const tag = CHANNEL_TAG.exec(actual.slice(0, at))?.[0] ?? '';
    const [was, is] = [channelIn(tag + removed), channelIn(tag + inserted)];
    return is !== undefined && is !== 'analysis' && is !== was
      ? named('channel-header-added')
      : undefined;
  },
  function cutShort({ difference: { actual, expected } }) {
    if (!expected.startsWith(actual)) return undefined;
    return isWhitespace(expected.slice(actual.length))
      ? named('trailing-whitespace-trimmed')
      : undefined;
  },
  function reasoningGone({ difference: { actual }, header, view }) {
    if (!isPast(view) || view.reasoning.trim() === '' || !actual.startsWith(header))
      return undefined;
    const rest = actual.slice(header.length);
    const emptied = rest.replace(EMPTY_BLOCK, '').trim().startsWith(view.content.trim());
    return emptied && !rest.includes(view.reasoning.trim())
      ? named('reasoning-dropped')
      : undefined;
  },
  function tags({ difference: { removed, inserted, at, expected }, header, view }) {
    if (removed !== '' && !isWhitespace(removed)) return undefined;
    if (OPENERS.test(inserted) && !CLOSERS.test(inserted))
      return CLOSERS.test(expected.slice(header.length, at)) ||
        (isPast(view) && view.reasoning === '')
        ? named('thinking-reopened', inserted)
        : named('think-tag-doubled', inserted);
    const closer = CLOSERS.exec(inserted)?.[0];
    return closer !== undefined && !isPast(view)
      ? named('thinking-closed-early', closer)
      : undefined;
  },
  function wrongChannel({ difference: { removed, inserted } }) {
    const tag = removed.replace(OPENERS, '').replace(CLOSERS, '');
    const gone = tag !== removed && tag.trim() === '' && inserted.trim() === '';
    return gone ? named('wrong-channel', removed.trim()) : undefined;
  },
  function toolCalls({ view, difference: { at, expected }, header }) {
    const call = view.toolCalls[0];
    if (call === undefined || at <= header.length) return undefined;
    const start = expected.indexOf(call.name, header.length + view.reasoning.length);
    return start >= 0 && at >= expected.lastIndexOf('<', start)
      ? named('tool-call-rewritten')
      : undefined;
  },
  function bothSeparators({ difference: { removed, inserted } }) {
    const [was, is] = [CLOSERS.exec(removed)?.[0], CLOSERS.exec(inserted)?.[0]];
    if (was === undefined || was !== is) return undefined;
    const around = removed.replace(was, '') + inserted.replace(was, '');
    return isWhitespace(around) ? named('separator-rebuilt', `${removed}→${inserted}`) : undefined;
  },
  function whitespace({ difference, header, markup }) {
    const { removed, inserted, at } = difference;
    if ((removed !== '' && !isWhitespace(removed)) || (inserted !== '' && !isWhitespace(inserted)))
      return undefined;
    const detail = `${removed}→${inserted}`;
    if (nearCloser(difference, header)) return named('separator-rebuilt', detail);
    if (inserted.length > removed.length) return named('whitespace-added', detail);
    const start = at - header.length <= markup.opening.length;
    return named(start ? 'leading-whitespace-trimmed' : 'trailing-whitespace-trimmed');
  },
];

function named(cause: Cause, detail = ''): Named {
  return { cause, detail };
}

function channelIn(text: string): string | undefined {
  return CHANNEL.exec(text)?.[1];
}

/** The turn's end in what follows the prefill; a closing tag that the model writes itself is none. */
function turnClosed(tail: string, header: string, markup: Markup): Named | undefined {
  const rest = CLOSERS.test(markup.closing) ? tail.replace(markup.closing, '') : tail;
  const end = ENDERS.exec(rest)?.[0];
  if (end === undefined) return undefined;
  if (sharedSuffix(tail, header) > 4) return named('turn-reopened', end);
  return CLOSERS.test(end) ? undefined : named('turn-closed', end);
}

/** True when a prompt ends between two turns. */
function endsWithMarkup(prompt: string): boolean {
  return new RegExp(`(?:${CONTROL.source})\\s*$`).test(prompt);
}

/** The part of a prompt that is missing begins with the end of the last turn before the answer. */
function leavesTurnOpen(missing: string): boolean {
  const [before, ...ends] = missing.split(ENDERS);
  return before?.trim() === '' && ends.length === 1;
}

/** The actual text is the expected one with the start of the reasoning, the content or both trimmed. */
function startTrimmed({ expected, actual }: Difference, header: string, view: View): boolean {
  const content = trimAt(expected, expected.lastIndexOf(view.content), view.content);
  const at = header.length;
  return [expected, content]
    .flatMap((text) => [text, trimAt(text, text.indexOf(view.reasoning, at), view.reasoning)])
    .some((text) => text !== expected && text === actual);
}

/** The text with the whitespace removed with which `part`, found at `at`, begins. */
function trimAt(text: string, at: number, part: string): string {
  const trimmed = part.trimStart();
  if (at < 0 || trimmed === '') return text;
  return text.slice(0, at) + trimmed + text.slice(at + part.length);
}

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
