/** From a wrong prompt to its cause: rules over the text difference, the most particular first. */
import type { View } from '../seam/generation.ts';
import type { Markup } from '../seam/markup.ts';
import { withoutSpace } from '../tokens/text.ts';
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
const CHANNEL_TAG = '<|channel|>';
/** Characters of a prompt by which its beginning is known again. */
const ENOUGH = 24;
/** Characters of its end by which an assistant header is known again. */
const REOPENED = 5;
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
    const at = actual.indexOf(header.slice(0, ENOUGH));
    return at > 0 && actual.slice(0, at).replaceAll(new RegExp(CONTROL, 'g'), '') === ''
      ? named('bos-doubled')
      : undefined;
  },
  function forcedTagGone({ difference: { actual }, header, view }) {
    const bare = header.replace(FORCED, '');
    if (!actual.startsWith(bare) || actual.startsWith(header)) return undefined;
    const rest = actual.slice(bare.length);
    const end = ENDERS.exec(rest)?.[0];
    if (end !== undefined)
      return named(isReopened(rest, header) ? 'turn-reopened' : 'turn-closed', end);
    return rest.includes(view.reasoning.trim())
      ? named('wrong-channel', header.slice(bare.length).trim())
      : named('reasoning-dropped');
  },
  function nothingOfIt({ difference: { actual }, header, view }) {
    if (actual === header)
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
    if (!actual.startsWith(header)) return undefined;
    const rest = actual.slice(header.length);
    const block = EMPTY_BLOCK.exec(rest)?.[0];
    if (block === undefined) return undefined;
    // A model may write about think tags; a block that belongs to its text was not put there.
    const own = expected.slice(header.length).trimStart().startsWith(block.trim());
    const held = rest.slice(block.length).includes((view.reasoning || view.content).trim());
    return held && !own ? named('empty-think-block') : undefined;
  },
  function closedTurn({ difference: { actual, expected, at }, header, markup }) {
    if (!actual.startsWith(header)) return undefined;
    return ENDERS.test(expected.slice(at))
      ? undefined
      : turnClosed(actual.slice(at), header, markup);
  },
  function appended({ difference: { actual, expected } }) {
    if (!actual.startsWith(expected)) return undefined;
    const tail = actual.slice(expected.length);
    if (EMPTY_BLOCK.test(tail)) return named('empty-think-block');
    return isWhitespace(tail) ? named('whitespace-added', tail) : undefined;
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
    const tag = actual.endsWith(CHANNEL_TAG, at) ? CHANNEL_TAG : '';
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
    if (!isPast(view) || !actual.startsWith(header)) return undefined;
    const rest = actual.slice(header.length);
    const emptied = rest.replace(EMPTY_BLOCK, '').trim().startsWith(view.content.trim());
    return emptied && !rest.includes(view.reasoning.trim())
      ? named('reasoning-dropped')
      : undefined;
  },
  function tags({ difference: { removed, inserted, at, expected }, header, view }) {
    if (removed !== '' && !isWhitespace(removed)) return undefined;
    const closer = CLOSERS.exec(inserted)?.[0];
    if (!OPENERS.test(inserted))
      return closer === undefined ? undefined : named('thinking-closed-early', closer);
    if (closer !== undefined) return undefined;
    return CLOSERS.test(expected.slice(header.length, at)) ||
      (isPast(view) && view.reasoning === '')
      ? named('thinking-reopened', inserted)
      : named('think-tag-doubled', inserted);
  },
  function wrongChannel({ difference: { removed, inserted } }) {
    const tag = removed.replace(OPENERS, '').replace(CLOSERS, '');
    const gone = tag !== removed && tag.trim() === '' && inserted.trim() === '';
    return gone ? named('wrong-channel', removed.trim()) : undefined;
  },
  function toolCalls({ view, difference: { at, expected }, header }) {
    const call = view.toolCalls[0];
    if (call === undefined) return undefined;
    let from = header.length;
    for (const text of [view.reasoning, view.content])
      from = Math.max(from, expected.indexOf(text, from) + text.length);
    const name = expected.indexOf(call.name, from);
    const [tag, bracket] = [expected.lastIndexOf('<', name), expected.lastIndexOf('[', name)];
    return name >= 0 && at >= Math.max(tag, bracket, header.length)
      ? named('tool-call-rewritten')
      : undefined;
  },
  function whitespace({ difference, header, markup, view }) {
    const { removed, inserted } = difference;
    const bare = withoutSpace(removed);
    if (bare !== withoutSpace(inserted)) return undefined;
    const detail = `${removed}→${inserted}`;
    if (bare !== '' && bare.replace(CLOSERS, '') === '') return named('separator-rebuilt', detail);
    if (bare !== '') return named('whitespace-changed');
    if (nearCloser(difference, header)) return named('separator-rebuilt', detail);
    if (inserted.length > removed.length) return named('whitespace-added', detail);
    if (inserted.length === removed.length) return named('whitespace-changed');
    if (atStart(difference, header, markup)) return named('leading-whitespace-trimmed');
    return named(
      atEnd(difference, header, view) ? 'trailing-whitespace-trimmed' : 'whitespace-changed',
    );
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
  const end = ENDERS.exec(tail.replace(markup.closing, ''))?.[0];
  if (end === undefined) return undefined;
  if (isReopened(tail, header)) return named('turn-reopened', end);
  return CLOSERS.test(end) ? undefined : named('turn-closed', end);
}

/** True for a text that ends as the prompt before the answer does. */
function isReopened(text: string, header: string): boolean {
  return text.endsWith(header.slice(-REOPENED));
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

/**
 * The actual text is the expected one with the start of the reasoning, the content or both trimmed;
 * its end may be trimmed as well.
 */
function startTrimmed({ expected, actual }: Difference, header: string, view: View): boolean {
  const content = trimAt(expected, expected.lastIndexOf(view.content), view.content);
  const at = header.length;
  return [expected, content]
    .flatMap((text) => [text, trimAt(text, text.indexOf(view.reasoning, at), view.reasoning)])
    .some((text) => text !== expected && (text === actual || text.trimEnd() === actual));
}

/** The text with the whitespace removed with which `part`, found at `at`, begins. */
function trimAt(text: string, at: number, part: string): string {
  const trimmed = part.trimStart();
  if (trimmed === '') return text;
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

/** Nothing of the reasoning or the content stands between the header and the difference. */
function atStart({ at, removed, expected }: Difference, header: string, markup: Markup): boolean {
  const before = expected.slice(header.length, at).replace(markup.opening.trim(), '');
  return at + removed.length >= header.length && before.trim() === '';
}

/** What follows the difference is nothing, or what follows the content. */
function atEnd({ at, removed, expected }: Difference, header: string, view: View): boolean {
  const content = view.content.trim();
  const ends = content !== '' && expected.slice(header.length, at).trimEnd().endsWith(content);
  return ends || expected.slice(at + removed.length).trim() === '';
}

/** The message is past its thinking: it has content or tool calls. */
function isPast(view: View): boolean {
  return view.content !== '' || view.toolCalls.length > 0;
}
