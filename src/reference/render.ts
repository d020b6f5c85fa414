/**
 * The prompt of a chat request, in parts. A trailing assistant message is never put through the
 * template's assistant branch: the conversation before it is rendered with a generation prompt,
 * and the message follows as the model wrote it, not one character more or less.
 */
import type { ChatRequest, TrailingMessage } from './chat-request.ts';
import { EMPTY_THINKING, GENERATION_PROMPT } from './conversation.ts';
import type { ChatTemplate } from './template.ts';
import { MARKUP } from './track.ts';
import { unguard, type Vocabulary } from './vocabulary.ts';

/** A prompt in parts; the prompt's text is all of them in this order. */
export interface PromptParts {
  /** Before everything else; empty on a correct server. */
  readonly lead: string;
  /** The turns before the answer. */
  readonly conversation: string;
  /** The header of the answer; with thinking switched off the empty block belongs to it. */
  readonly generationPrompt: string;
  readonly opening: string;
  readonly reasoning: string;
  readonly closing: string;
  readonly content: string;
  readonly calls: string;
  /** After the trailing message; empty on a correct server. */
  readonly tail: string;
}

/** A prompt's text and what of it the model has already said in the turn that goes on. */
export interface RenderedPrompt {
  readonly text: string;
  /** The text of the unfinished turn, after its header. */
  readonly prefill: string;
  /** The character that shields look-alikes of control tokens in `text`, where there are any. */
  readonly guard: string | undefined;
}

/** A change of a prompt's parts: how a render fault is written down. */
export type PartsChange = (parts: PromptParts) => PromptParts;

export interface RenderOptions {
  /** Applied in order to prompts with a trailing message. */
  readonly changes: readonly PartsChange[];
  /** False to leave look-alikes of control tokens as they are, so that they become control tokens. */
  readonly shields: boolean;
}

/** Renders a request. */
export function renderPrompt(
  request: ChatRequest,
  template: ChatTemplate,
  vocabulary: Vocabulary,
  { changes, shields }: RenderOptions,
): RenderedPrompt {
  const guard =
    shields && vocabulary.looksSpecial(request.key) ? unusedCharacter(request.key) : undefined;
  const shielded = guard === undefined ? request : shieldAll(request, vocabulary, guard);
  const header = template.render({
    messages: shielded.messages,
    tools: shielded.tools,
    kwargs: shielded.kwargs,
    addGenerationPrompt: request.addGenerationPrompt || request.trailing !== undefined,
  });
  if (shielded.trailing === undefined) return { text: header, prefill: '', guard };
  let parts = continuation(splitHeader(header), shielded.trailing, request.continues);
  for (const change of changes) parts = change(parts);
  const said = saidOf(parts);
  return { text: textOf(parts), prefill: parts.tail === '' ? unguard(said, guard) : '', guard };
}

function textOf(parts: PromptParts): string {
  return parts.lead + parts.conversation + parts.generationPrompt + saidOf(parts) + parts.tail;
}

function saidOf(parts: PromptParts): string {
  return parts.opening + parts.reasoning + parts.closing + parts.content + parts.calls;
}

type Header = Pick<PromptParts, 'conversation' | 'generationPrompt'>;

function splitHeader(header: string): Header {
  for (const generationPrompt of [GENERATION_PROMPT + EMPTY_THINKING, GENERATION_PROMPT])
    if (header.endsWith(generationPrompt))
      return { conversation: header.slice(0, -generationPrompt.length), generationPrompt };
  return { conversation: header, generationPrompt: '' };
}

/**
 * The parts of a correct continuation. `reasoning_content` continues the reasoning and leaves the
 * content out; `content` closes the thinking even when there is no content yet.
 */
function continuation(
  header: Header,
  { reasoning, content, calls }: TrailingMessage,
  continues: ChatRequest['continues'],
): PromptParts {
  const none = {
    lead: '',
    ...header,
    opening: '',
    reasoning: '',
    closing: '',
    content: '',
    calls: '',
    tail: '',
  };
  if (continues === 'reasoning_content') return { ...none, opening: MARKUP.opening, reasoning };
  const goesOn = content !== '' || calls.length > 0 || continues === 'content';
  const thought = reasoning !== '';
  return {
    ...none,
    opening: thought ? MARKUP.opening : '',
    reasoning,
    closing: thought && goesOn ? MARKUP.closing : '',
    content,
    calls: calls
      .map(
        (call) => MARKUP.call + MARKUP.callName + call.name + MARKUP.callArguments + call.arguments,
      )
      .join(MARKUP.callEnd + MARKUP.betweenCalls),
  };
}

/** A noncharacter that does not occur in `text`. */
function unusedCharacter(text: string): string {
  for (let code = 0xfdd0; code <= 0xfdef; code++) {
    const character = String.fromCharCode(code);
    if (!text.includes(character)) return character;
  }
  throw new Error('the text uses every noncharacter');
}

function shieldAll(request: ChatRequest, vocabulary: Vocabulary, guard: string): ChatRequest {
  return shieldValue(request, (text) => vocabulary.shield(text, guard)) as ChatRequest;
}

/** Changes every text in a JSON value. */
function shieldValue(value: unknown, change: (text: string) => string): unknown {
  if (typeof value === 'string') return change(value);
  if (Array.isArray(value)) return value.map((item) => shieldValue(item, change));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [change(key), shieldValue(item, change)]),
  );
}
