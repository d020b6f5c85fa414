/** What a client did after its generation was broken: the first thing that every check asks. */
import { isEmpty, sameMessages, trailingOf, type Message } from './conversation.ts';
import { holdsNothing } from './delivered.ts';
import type { Turn } from './turn.ts';

/** How a client goes on. */
export type Way =
  /** It sends nothing more. */
  | 'none'
  /** The same request again, without what it held. */
  | 'start-over'
  /** The conversation with what it held as a trailing assistant message. */
  | 'resume'
  /** What it held as an assistant turn, and a turn of somebody else after it. */
  | 'new-turn'
  /** New turns, without what it held. */
  | 'forgot'
  /** An empty assistant message where what it held should be. */
  | 'empty'
  /** Anything else: the history was changed. */
  | 'other';

export interface Sequel {
  readonly way: Way;
  /** The turn that was broken. */
  readonly struck: Turn;
  /** Later turns of the same conversation. */
  readonly later: readonly Turn[];
  /** The first of them. */
  readonly next: Turn | undefined;
  /** What the client holds of the answer: what it had sent as a prefill, and what it was given. */
  readonly held: Message;
  /** The message in which it was sent back. */
  readonly sent: Message | undefined;
}

/** What came after turn `struck`; undefined where nothing was broken. */
export function sequelOf(turns: readonly Turn[], struck: number | undefined): Sequel | undefined {
  const broken = turns.find((turn) => turn.n === struck);
  if (broken === undefined) return undefined;
  const later = turns.filter((turn) => turn.n > broken.n && sameConversation(broken, turn));
  const held = heldAfter(broken);
  const next = later[0];
  if (next === undefined)
    return { way: 'none', struck: broken, later, next, held, sent: undefined };
  return { ...wayOf(broken, next, held), struck: broken, later, next, held };
}

/** The same API, model and first question. */
export function sameConversation(a: Turn, b: Turn): boolean {
  return (
    a.asked.format === b.asked.format &&
    a.asked.model === b.asked.model &&
    firstQuestion(a) === firstQuestion(b)
  );
}

function firstQuestion({ asked }: Turn): string | undefined {
  return asked.messages.find(({ role }) => role === 'user')?.content;
}

/** The message that a client holds once a turn has ended. */
export function heldAfter({ asked, delivered }: Turn): Message {
  const before = trailingOf(asked);
  const reasoning = (before?.reasoning?.text ?? '') + delivered.reasoning;
  const field = delivered.reasoningField ?? before?.reasoning?.field;
  return {
    role: 'assistant',
    content: (before?.content ?? '') + delivered.content,
    ...(reasoning === '' || field === undefined ? {} : { reasoning: { text: reasoning, field } }),
    calls: [...(before?.calls ?? []), ...delivered.calls],
  };
}

function wayOf(struck: Turn, next: Turn, held: Message): { way: Way; sent: Message | undefined } {
  const { messages } = next.asked;
  if (sameMessages(messages, struck.asked.messages)) return { way: 'start-over', sent: undefined };
  const base = withoutTrailing(struck.asked.messages);
  const known = sameMessages(messages.slice(0, base.length), base);
  const more = known ? messages.slice(base.length) : messages.slice(-1);
  if (known && more.length === 0) return { way: 'start-over', sent: undefined };
  const [first] = more;
  const last = more.at(-1);
  if (first?.role === 'assistant' && isEmpty(first) && !holdsNothing(struck.delivered))
    return { way: 'empty', sent: first };
  if (known && more.length === 1 && last?.role === 'assistant')
    return isOf(held, last) ? { way: 'resume', sent: last } : { way: 'other', sent: undefined };
  if (!known && last?.role === 'assistant' && isOf(held, last))
    return { way: 'resume', sent: last };
  if (known && first?.role === 'assistant' && isOf(held, first))
    return { way: 'new-turn', sent: first };
  return known ? { way: 'forgot', sent: undefined } : { way: 'other', sent: undefined };
}

function withoutTrailing(messages: readonly Message[]): readonly Message[] {
  return messages.at(-1)?.role === 'assistant' ? messages.slice(0, -1) : messages;
}

/** Characters that two texts must share at their start, to be of one origin. */
const SHARED = 8;

/** True when a message is made of what was held, whole or not. */
export function isOf(held: Message, sent: Message): boolean {
  const parts = [held.content, held.reasoning?.text ?? ''];
  const texts = [sent.content, sent.reasoning?.text ?? ''].filter((text) => text.trim() !== '');
  if (texts.some((text) => parts.some((part) => shareStart(part, text)))) return true;
  return sent.calls.some((call) =>
    held.calls.some((own) => own.name === call.name && shareStart(own.arguments, call.arguments)),
  );
}

function shareStart(a: string, b: string): boolean {
  const [one, other] = [a.trim(), b.trim()];
  const length = Math.min(SHARED, one.length, other.length);
  return length > 0 && one.slice(0, length) === other.slice(0, length);
}
