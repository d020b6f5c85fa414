/**
 * Thinking-only recovery: a model that thought and then said nothing is asked again, with what it
 * thought as the beginning of its answer. A state machine over a history and answers; it sends
 * nothing itself, and changes nothing that it was given.
 *
 * - Only structured reasoning counts, which came in a field of its own. Reasoning that is only
 *   `<think>` text inside the content is no field that could be sent back as one.
 * - At most two extra questions. What was prefilled is never left in the history.
 * - The prefill is one message at the end. A second answer without content goes on with the first,
 *   so that two assistant messages never stand in a row.
 */
import type { Prefill } from '../dialects/dialect.ts';
import type { Message } from '../scenario/schema.ts';
import type { View } from './generation.ts';

/** An answer as a client has read it. */
export interface ReadAnswer extends View {
  /** `length`: the answer was cut by a token limit, so that it says nothing about its end. */
  readonly finish?: string | undefined;
}

/** Extra questions at most. */
export const EXTRA_ASKS = 2;

/** What an answer is. */
export type AnswerKind =
  /** There is text to show, or a tool call. */
  | 'content'
  /** Structured reasoning, and nothing else. */
  | 'thinking-only'
  /** Nothing to show, and no structured reasoning that could be sent back. */
  | 'nothing'
  /** The token limit fell before anything was said. */
  | 'cut';

/** Blocks of thinking inside a text, the last of them perhaps not closed. */
const INLINE_THINKING = /<think(?:ing)?>[\s\S]*?(?:<\/think(?:ing)?>|$)/gi;

/** What an answer is: tool calls count as content, thinking and white space do not. */
export function kindOf(answer: ReadAnswer): AnswerKind {
  if (answer.toolCalls.length > 0) return 'content';
  if (answer.content.replaceAll(INLINE_THINKING, '').trim() !== '') return 'content';
  if (answer.finish === 'length') return 'cut';
  return answer.reasoning.trim() === '' ? 'nothing' : 'thinking-only';
}

/** Why nothing came of it. */
export type EmptyReason =
  /** Every question was answered by thinking alone. */
  | 'asked-enough'
  /** The last answer held no structured reasoning. */
  | 'no-reasoning'
  /** The history ends with a tool call that nobody answered; no assistant message may follow it. */
  | 'no-place'
  /** The server would not take the prefill. */
  | 'refused';

/** How a recovery ends. */
export type RecoveryOutcome =
  /**
   * The answer has content; `message` is the whole of it, the thinking of earlier answers included.
   * `history` is the given one with this message at its end, and nothing of the prefills.
   */
  | {
      readonly kind: 'answered';
      readonly message: Message;
      readonly history: readonly Message[];
    }
  | { readonly kind: 'empty'; readonly why: EmptyReason; readonly reasoning: string }
  /** A token limit cut the thinking: a case for `resume()`, not for asking again. */
  | { readonly kind: 'cut'; readonly held: View };

export interface Recovery {
  /** As the caller gave it, the very same array: the prefill is never a part of it. */
  readonly history: readonly Message[];
  /** The next question; undefined when there is an outcome. */
  readonly ask: RecoveryAsk | undefined;
  readonly outcome: RecoveryOutcome | undefined;
  /** Questions beyond the first. */
  readonly extra: number;
}

/** What to send: the messages, and the assistant message at their end that is to be continued. */
export interface RecoveryAsk {
  readonly messages: readonly Message[];
  readonly prefill: Prefill | undefined;
}

/**
 * The beginning: the history as it is. An assistant message at its end is one to be continued.
 */
export function startRecovery(history: readonly Message[]): Recovery {
  return { history, ask: askOf(history, NOTHING), outcome: undefined, extra: 0 };
}

/**
 * What an answer leads to.
 *
 * @throws RangeError when the recovery has an outcome already
 */
export function afterAnswer(recovery: Recovery, answer: ReadAnswer): Recovery {
  const { history, extra } = recovery;
  const held = heldOf(recovery);
  const joined: View = {
    reasoning: held.reasoning + answer.reasoning,
    content: held.content + answer.content,
    toolCalls: answer.toolCalls,
  };
  const end = (outcome: RecoveryOutcome): Recovery => ({ history, ask: undefined, outcome, extra });
  switch (kindOf(answer)) {
    case 'content':
      return end(answered(history, messageOf(joined)));
    case 'cut':
      return end({ kind: 'cut', held: joined });
    case 'nothing':
      return end({ kind: 'empty', why: 'no-reasoning', reasoning: joined.reasoning });
    case 'thinking-only':
      if (extra >= EXTRA_ASKS)
        return end({ kind: 'empty', why: 'asked-enough', reasoning: joined.reasoning });
      if (openMessage(history) === undefined && history.at(-1)?.role === 'assistant')
        return end({ kind: 'empty', why: 'no-place', reasoning: joined.reasoning });
      return { history, ask: askOf(history, joined), outcome: undefined, extra: extra + 1 };
  }
}

/**
 * What a refusal of the prefill leads to: the history as it was, and nothing.
 *
 * @throws RangeError when the recovery has an outcome already, or nothing was prefilled yet
 */
export function afterRefusal(recovery: Recovery): Recovery {
  const { reasoning } = heldOf(recovery);
  if (recovery.extra === 0) throw new RangeError('nothing was prefilled yet');
  const outcome = { kind: 'empty', why: 'refused', reasoning } as const;
  return { ...recovery, ask: undefined, outcome };
}

function answered(history: readonly Message[], message: Message): RecoveryOutcome {
  const before = openMessage(history) === undefined ? history : history.slice(0, -1);
  return { kind: 'answered', message, history: [...before, message] };
}

const NOTHING: View = { reasoning: '', content: '', toolCalls: [] };

/** The message that is being continued. */
function heldOf({ ask }: Recovery): View {
  if (ask === undefined) throw new RangeError('the recovery has an outcome already');
  const { reasoning = '', content = '' } = ask.prefill ?? {};
  return { reasoning, content, toolCalls: [] };
}

function askOf(history: readonly Message[], held: View): RecoveryAsk {
  const open = openMessage(history);
  if (held.reasoning === '' && held.content === '')
    return open === undefined
      ? { messages: history, prefill: undefined }
      : { messages: history.slice(0, -1), prefill: prefillOf(viewOfMessage(open)) };
  return {
    messages: open === undefined ? history : history.slice(0, -1),
    prefill: prefillOf(held),
  };
}

/** The assistant message at the end of a history, which is to be continued. */
function openMessage(history: readonly Message[]): Message | undefined {
  const last = history.at(-1);
  return last?.role === 'assistant' && (last.toolCalls ?? []).length === 0 ? last : undefined;
}

function viewOfMessage({ content, reasoning = '' }: Message): View {
  return { reasoning, content, toolCalls: [] };
}

/** The reasoning-only message as a client sends it back, with the empty content that servers ask for. */
export function prefillOf({ reasoning, content }: View): Prefill {
  return { ...(reasoning === '' ? {} : { reasoning }), content };
}

function messageOf({ reasoning, content, toolCalls }: View): Message {
  return {
    role: 'assistant',
    content,
    ...(reasoning === '' ? {} : { reasoning }),
    ...(toolCalls.length === 0 ? {} : { toolCalls }),
  };
}
