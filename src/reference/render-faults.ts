/** The faults of a prompt's render: each a small change of a correct prompt's parts. */
import { EMPTY_THINKING } from './conversation.ts';
import type { FaultName, Plan } from './faults.ts';
import type { PartsChange, PromptParts } from './render.ts';
import { MARKUP } from './track.ts';

const BOS = '<|endoftext|>';
const CLOSE_TAG = '</think>';
const NOTHING_SAID = { opening: '', reasoning: '', closing: '', content: '', calls: '' };

/**
 * In the order in which they are applied when several are planted: first what changes the texts,
 * then what changes the markup around them, then what changes the turn as a whole.
 */
const CHANGES: readonly (readonly [FaultName, PartsChange])[] = [
  ['tag-literal-parsed', splitAtLiteral],
  ['character-replaced', replaceLastCharacter],
  ['leading-space-stripped', stripStart],
  ['inner-space-collapsed', collapseInside],
  ['tool-call-rewritten', rewriteCalls],
  ['reasoning-lost', (parts) => ({ ...parts, opening: '', reasoning: '', closing: '' })],
  [
    'newline-before-close',
    (parts) => (parts.closing === '' ? parts : { ...parts, closing: `\n${parts.closing}` }),
  ],
  ['thinking-reopened', reopenThinking],
  ['channel-wrapped', wrapChannel],
  ['trailing-space-stripped', stripEnd],
  ['space-added', (parts) => (saysNothing(parts) ? parts : addAtEnd(parts, ' '))],
  ['thinking-closed-early', closeThinking],
  [
    'think-tag-doubled',
    (parts) =>
      parts.opening === '' ? parts : { ...parts, opening: parts.opening + parts.opening },
  ],
  ['wrong-channel', (parts) => ({ ...parts, opening: '' })],
  ['empty-think-block', addEmptyBlock],
  ['turn-closed', (parts) => closeTurn(parts, `\n${parts.generationPrompt}`)],
  ['turn-ended', (parts) => closeTurn(parts, '\n')],
  ['eos-left', (parts) => ({ ...parts, tail: MARKUP.endOfTurn + parts.tail })],
  ['header-missing', (parts) => (saysNothing(parts) ? { ...parts, generationPrompt: '' } : parts)],
  ['matched-earlier', endAtEarlierMatch],
  ['prefill-as-user', moveToUser],
  ['user-continued', continueUser],
  ['prefill-dropped', (parts) => ({ ...parts, ...NOTHING_SAID, tail: '' })],
  ['bos-doubled', (parts) => ({ ...parts, lead: BOS + BOS + parts.lead })],
];

/** The changes that strike the request that `key` stands for. */
export function renderChanges(plan: Plan, key: string): PartsChange[] {
  return CHANGES.filter(([name]) => plan.strikes(name, key)).map(([, change]) => change);
}

function saysNothing(parts: PromptParts): boolean {
  return parts.opening + parts.reasoning + parts.closing + parts.content + parts.calls === '';
}

/** Past its thinking, in fields: `inline` content brings its own tags. */
function isInline({ content }: PromptParts): boolean {
  return content.startsWith(MARKUP.opening);
}

/** Changes the text that the trailing message ends with. */
function changeEnd(parts: PromptParts, change: (text: string) => string): PromptParts {
  if (parts.calls !== '') return { ...parts, calls: change(parts.calls) };
  if (parts.content !== '') return { ...parts, content: change(parts.content) };
  return parts.closing === ''
    ? { ...parts, reasoning: change(parts.reasoning) }
    : { ...parts, closing: change(parts.closing) };
}

function stripEnd(parts: PromptParts): PromptParts {
  return changeEnd(parts, (text) => text.trimEnd());
}

function addAtEnd(parts: PromptParts, added: string): PromptParts {
  return changeEnd(parts, (text) => text + added);
}

/** A text of white space alone is left as it is: without it the message would be another one. */
function stripStart(parts: PromptParts): PromptParts {
  return {
    ...parts,
    reasoning: parts.reasoning.trimStart() || parts.reasoning,
    content: parts.content.trimStart() || parts.content,
  };
}

/** A run of white space inside a text. Runs beside a tag are left as they are: they belong to the markup. */
const RUN_INSIDE = /(?<=[^\s>])(\s)\s+(?=[^\s<])/g;

function collapseInside(parts: PromptParts): PromptParts {
  return {
    ...parts,
    reasoning: parts.reasoning.replaceAll(RUN_INSIDE, '$1'),
    content: parts.content.replaceAll(RUN_INSIDE, '$1'),
  };
}

/** What decoding ids inside a character leaves of it. */
function replaceLastCharacter(parts: PromptParts): PromptParts {
  return changeEnd(parts, (text) => text.replace(/[^\p{ASCII}\ufdd0-\ufdef]$/u, '\uFFFD'));
}

/** Takes the content after its last literal closing tag, as templates do that look for the tag there. */
function splitAtLiteral(parts: PromptParts): PromptParts {
  const from = isInline(parts) ? parts.content.indexOf(CLOSE_TAG) + CLOSE_TAG.length : 0;
  const at = parts.content.indexOf(CLOSE_TAG, from);
  if (at < 0 || (isInline(parts) && from < CLOSE_TAG.length)) return parts;
  const last = parts.content.lastIndexOf(CLOSE_TAG);
  const content = parts.content.slice(last + CLOSE_TAG.length).replace(/^\n+/, '');
  if (isInline(parts))
    return { ...parts, content: `${parts.content.slice(0, from)}\n\n${content}` };
  if (parts.reasoning !== '') return { ...parts, content };
  const reasoning = `${parts.content.slice(0, at)}\n`;
  return { ...parts, opening: MARKUP.opening, reasoning, closing: MARKUP.closing, content };
}

function rewriteCalls(parts: PromptParts): PromptParts {
  if (parts.calls === '') return parts;
  const compact = parts.calls.replaceAll('": ', '":').replaceAll(', "', ',"');
  return { ...parts, calls: compact + MARKUP.callEnd };
}

function reopenThinking(parts: PromptParts): PromptParts {
  if (isInline(parts)) {
    const at = parts.content.indexOf(MARKUP.closing);
    const end = at + MARKUP.closing.length;
    if (at < 0) return parts;
    const content = parts.content.slice(0, end) + MARKUP.opening + parts.content.slice(end);
    return { ...parts, content };
  }
  const past = parts.closing !== '' || parts.content !== '' || parts.calls !== '';
  return past ? { ...parts, closing: parts.closing + MARKUP.opening } : parts;
}

function wrapChannel(parts: PromptParts): PromptParts {
  const header = '<|channel|>final<|message|>';
  return parts.content === '' ? parts : { ...parts, content: header + parts.content };
}

function closeThinking(parts: PromptParts): PromptParts {
  const open = parts.opening !== '' && parts.closing === '';
  return open ? { ...parts, closing: MARKUP.closing } : parts;
}

function addEmptyBlock(parts: PromptParts): PromptParts {
  if (parts.opening !== '' || parts.reasoning !== '' || isInline(parts)) return parts;
  return { ...parts, opening: EMPTY_THINKING };
}

/** Closes what is open, as the template does with a past turn. */
function closeTurn(parts: PromptParts, after: string): PromptParts {
  return { ...closeThinking(parts), tail: MARKUP.endOfTurn + after + parts.tail };
}

/** Cuts the prompt where the message's text first occurs, as a search for it finds it. */
function endAtEarlierMatch(parts: PromptParts): PromptParts {
  const text = (parts.content || parts.reasoning).trim();
  const at = text === '' ? -1 : parts.conversation.indexOf(text);
  if (at < 0) return parts;
  const conversation = parts.conversation.slice(0, at + text.length);
  return { ...parts, ...NOTHING_SAID, conversation, generationPrompt: '', tail: '' };
}

function moveToUser(parts: PromptParts): PromptParts {
  const { opening, reasoning, closing, content, calls } = parts;
  const said = opening + reasoning + closing + content + calls;
  const turn = `<|im_start|>user\n${said}${MARKUP.endOfTurn}\n`;
  return { ...parts, ...NOTHING_SAID, conversation: parts.conversation + turn, tail: '' };
}

function continueUser(parts: PromptParts): PromptParts {
  const end = `${MARKUP.endOfTurn}\n`;
  const conversation = parts.conversation.endsWith(end)
    ? parts.conversation.slice(0, -end.length)
    : parts.conversation;
  return { ...parts, ...NOTHING_SAID, conversation, generationPrompt: '', tail: '' };
}
