/**
 * What a client asked for, whatever API it speaks: the messages of a request in one form, so that
 * the judging reads chat completions and Anthropic messages alike.
 */
import { asArray, asObject, asString, type JsonObject } from '../dialects/json.ts';

/** The two APIs whose generations are interrupted. */
export type Format = 'chat' | 'messages';

/** Where a client put the reasoning of a message; `inline` is between think tags in the content. */
export const REASONING_FIELDS = [
  'reasoning_content',
  'reasoning',
  'reasoning_text',
  'thinking',
  'inline',
] as const;
export type ReasoningField = (typeof REASONING_FIELDS)[number];

export interface Call {
  readonly name: string;
  /** JSON text, whole or not. */
  readonly arguments: string;
}

export interface Message {
  readonly role: string;
  /** Text parts joined without anything between them. */
  readonly content: string;
  /** Undefined where the message has no reasoning, or an empty one. */
  readonly reasoning?: { readonly text: string; readonly field: ReasoningField } | undefined;
  readonly calls: readonly Call[];
}

/** A request for a generation. */
export interface Asked {
  readonly format: Format;
  readonly model: string | undefined;
  readonly stream: boolean;
  readonly messages: readonly Message[];
}

/** The API that a path belongs to; undefined for a path that generates nothing. */
export function formatOf(method: string, path: string): Format | undefined {
  if (method !== 'POST') return undefined;
  if (/(?:^|\/)chat\/completions$/.test(path)) return 'chat';
  return /(?:^|\/)v1\/messages$/.test(path) ? 'messages' : undefined;
}

/** Reads a request's body; what does not fit is left out, never refused: that is the server's task. */
export function readAsked(format: Format, body: JsonObject): Asked {
  const system = format === 'messages' && body['system'] !== undefined;
  const first: Message[] = system
    ? [{ role: 'system', content: textOf(body['system']), calls: [] }]
    : [];
  return {
    format,
    model: asString(body['model']),
    stream: body['stream'] === true,
    messages: [...first, ...asArray(body['messages']).flatMap(readMessage)],
  };
}

function readMessage(value: unknown): Message[] {
  const message = asObject(value);
  if (message === undefined) return [];
  const role = asString(message['role']) ?? '';
  const parts = asArray(message['content']).map((part) => asObject(part) ?? {});
  const results = parts.filter((part) => part['type'] === 'tool_result');
  // Anthropic sends tool results as a user's message; elsewhere they have a role of their own.
  const told = results.map((part) => ({
    role: 'tool',
    content: textOf(part['content']),
    calls: [],
  }));
  const content = textOf(message['content']);
  if (told.length > 0 && content === '') return told;
  const reasoning = role === 'assistant' ? reasoningOf(message, parts) : undefined;
  const inline = role === 'assistant' && reasoning === undefined ? inlineOf(content) : undefined;
  return [
    ...told,
    {
      role,
      content: inline?.rest ?? content,
      reasoning: reasoning ?? (inline && { text: inline.thought, field: 'inline' }),
      calls: [...asArray(message['tool_calls']).map(chatCall), ...parts.flatMap(messagesCall)],
    },
  ];
}

/** A message's text: a text, or a list of parts. */
function textOf(content: unknown): string {
  if (typeof content === 'string') return content;
  return asArray(content)
    .map((part) => asString(asObject(part)?.['text']) ?? '')
    .join('');
}

function reasoningOf(message: JsonObject, parts: readonly JsonObject[]): Message['reasoning'] {
  for (const field of ['reasoning_content', 'reasoning', 'reasoning_text', 'thinking'] as const) {
    const text = asString(message[field]);
    if (text !== undefined && text !== '') return { text, field };
  }
  const thought = parts
    .filter((part) => part['type'] === 'thinking')
    .map((part) => asString(part['thinking']) ?? '')
    .join('');
  return thought === '' ? undefined : { text: thought, field: 'thinking' };
}

/** Reasoning that stands in the content, between the tags that models write. */
function inlineOf(content: string): { thought: string; rest: string } | undefined {
  const match = /^\s*<think>\n?([\s\S]*?)(?:<\/think>(?:\n\n)?([\s\S]*))?$/.exec(content);
  return match === null ? undefined : { thought: match[1] ?? '', rest: match[2] ?? '' };
}

function chatCall(value: unknown): Call {
  const called = asObject(asObject(value)?.['function']);
  return {
    name: asString(called?.['name']) ?? '',
    arguments: jsonText(called?.['arguments']),
  };
}

function messagesCall(part: JsonObject): Call[] {
  return part['type'] === 'tool_use'
    ? [{ name: asString(part['name']) ?? '', arguments: jsonText(part['input']) }]
    : [];
}

function jsonText(value: unknown): string {
  return typeof value === 'string' ? value : value === undefined ? '' : JSON.stringify(value);
}

/** The trailing assistant message of a request: what it asks to be continued. */
export function trailingOf({ messages }: Pick<Asked, 'messages'>): Message | undefined {
  const last = messages.at(-1);
  return last?.role === 'assistant' ? last : undefined;
}

/** True for a message that says nothing at all. */
export function isEmpty({ content, reasoning, calls }: Message): boolean {
  return content === '' && reasoning === undefined && calls.length === 0;
}

/** True when two messages say the same. */
export function sameMessage(a: Message, b: Message): boolean {
  return (
    a.role === b.role &&
    a.content === b.content &&
    a.reasoning?.text === b.reasoning?.text &&
    JSON.stringify(a.calls) === JSON.stringify(b.calls)
  );
}

export function sameMessages(a: readonly Message[], b: readonly Message[]): boolean {
  return a.length === b.length && a.every((message, i) => sameMessage(message, b[i] ?? message));
}
