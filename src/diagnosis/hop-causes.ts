/**
 * From what a hop did to a request to what it means for the prefill, and the body that the hop
 * should have forwarded. Whether it did harm is then a question to the engine: does its prompt
 * change when the body is put right?
 */
import { asArray, asObject, asString, type JsonObject } from '../dialects/json.ts';
import type { FieldChange, HopRequest } from './hop-fields.ts';
import { callsIn, chatTools, sameArguments } from './hop-tools.ts';
import { conversationOf, textsIn, thoughtIn } from './hops.ts';

/** What a hop does to a resume; the culprit of each is the gateway. */
export const HOP_CAUSES = {
  'message-dropped': 'The gateway drops the trailing assistant message.',
  'role-changed': 'The gateway sends the trailing assistant message in another role.',
  'flags-dropped': 'The gateway drops the continuation flags that the client sent.',
  'marker-stripped':
    'The gateway strips the prefix marker from the message and asks for no continuation in its place.',
  'marker-untranslated':
    'The gateway forwards the prefix marker as it is: the engine does not know it and is asked for no continuation.',
  'continuation-not-asked':
    'The gateway turns a request of an API that continues a trailing assistant message into one of an API that must be asked to, and does not ask.',
  'content-missing':
    'The gateway leaves out the empty content beside the reasoning, without which the engine refuses or misreads the message.',
  'text-dropped': 'The gateway drops the text of the trailing assistant message.',
  'text-trimmed': 'The gateway trims whitespace from the trailing assistant message.',
  'parts-joined': 'The gateway joins the text parts of the message with a text of its own.',
  'text-rewritten': 'The gateway rewrites the text of the trailing assistant message.',
  'reasoning-dropped': 'The gateway drops the reasoning of the trailing assistant message.',
  'reasoning-renamed':
    'The gateway sends the reasoning under a name that the engine does not read.',
  'reasoning-rewritten': 'The gateway rewrites the reasoning of the trailing assistant message.',
  'tool-call-dropped': 'The gateway drops a tool call of the trailing assistant message.',
  'tool-call-rewritten': 'The gateway rewrites a tool call of the trailing assistant message.',
  'tools-changed':
    'The gateway drops or changes the definitions of tools, or the choice among them.',
  'history-changed': 'The gateway changes messages before the trailing one.',
  'template-arguments-dropped':
    'The gateway drops or changes the arguments of the chat template, such as enable_thinking.',
} as const;
export type HopCause = keyof typeof HOP_CAUSES;
export const HOP_CAUSE_NAMES: readonly HopCause[] = Object.keys(HOP_CAUSES) as HopCause[];

/** How a request asks for the continuation of its trailing assistant message. */
export type Asking = 'flags' | 'marker' | 'endpoint' | 'none';

const MARKERS = ['prefix', 'partial'];
const READ_AS_REASONING = new Set(['reasoning_content', 'reasoning']);

/** How a request asks; the first that applies. */
export function askingOf({ path, body }: HopRequest): Asking {
  const extra = asObject(body['extra_body']);
  if (isSet(body['continue_final_message']) || isSet(extra?.['continue_final_message']))
    return 'flags';
  const last = lastOf(body);
  if (MARKERS.some((name) => last?.[name] === true)) return 'marker';
  return isMessages(path) && last?.['role'] === 'assistant' ? 'endpoint' : 'none';
}

function isSet(value: unknown): boolean {
  return value === true || (typeof value === 'string' && value !== '');
}

function isMessages(path: string): boolean {
  return /\/messages(?:\?|$)/.test(path);
}

function lastOf(body: JsonObject): JsonObject | undefined {
  return asObject(asArray(body['messages']).at(-1));
}

/**
 * What the changes mean for the trailing assistant message, the gravest first; empty when all that
 * matters to it has passed.
 */
export function hopCausesOf(
  sent: HopRequest,
  forwarded: HopRequest,
  changes: readonly FieldChange[],
): HopCause[] {
  const causes = new Set<HopCause | undefined>();
  const last = changes.filter(({ field }) => field.startsWith('messages[-1]'));
  const of = (field: string): FieldChange | undefined =>
    last.find((one) => one.field === `messages[-1]${field}`);
  if (of('')?.change === 'dropped') causes.add('message-dropped');
  if (changed(of('.role'))) causes.add('role-changed');
  if (!causes.has('message-dropped')) causes.add(askLost(sent, forwarded));
  causes.add(textCause(of('.content')));
  for (const one of last) causes.add(reasoningCause(one)).add(callCause(one));
  for (const { field, change } of changes) {
    if (change === 'kept' || change === 'reshaped' || change === 'moved') continue;
    if (HISTORY.test(field)) causes.add('history-changed');
    if (/^tools\b/.test(field) || (field === 'tool_choice' && change !== 'added'))
      causes.add('tools-changed');
    if (/(?:^|\.)chat_template_kwargs$/.test(field) && change !== 'added')
      causes.add('template-arguments-dropped');
  }
  return HOP_CAUSE_NAMES.filter((name) => causes.has(name));
}

/** A message before the trailing one, or what of it stands in prompts. */
const HISTORY =
  /^messages\[\d+\](?:\.(?:role|content|tool_call_id|(?:tool_calls|content\[tool_use\])\[.*))?$/;

const TEXT_CAUSES: Partial<Record<FieldChange['change'], HopCause>> = {
  dropped: 'text-dropped',
  trimmed: 'text-trimmed',
  joined: 'parts-joined',
  rewritten: 'text-rewritten',
};

function changed(one: FieldChange | undefined): boolean {
  return one !== undefined && one.change !== 'kept';
}

function textCause(content: FieldChange | undefined): HopCause | undefined {
  if (content === undefined) return undefined;
  const { change, sent } = content;
  const empty = change === 'dropped' && textsIn(sent).join('') === '';
  return empty ? 'content-missing' : TEXT_CAUSES[change];
}

function askLost(sent: HopRequest, forwarded: HopRequest): HopCause | undefined {
  const asked = askingOf(sent);
  const asks = askingOf({ ...forwarded, body: { ...forwarded.body, extra_body: undefined } });
  if (asked === 'none' || asks === 'flags') return undefined;
  if (asked === 'flags') return 'flags-dropped';
  if (asked === 'marker') {
    if (asks === 'marker') return 'marker-untranslated';
    return asks === 'endpoint' ? undefined : 'marker-stripped';
  }
  return asks === 'none' ? 'continuation-not-asked' : undefined;
}

function reasoningCause({ field, change, detail }: FieldChange): HopCause | undefined {
  const name = field.slice(field.lastIndexOf('.') + 1);
  if (name !== 'content[thinking]' && !READ_AS_REASONING.has(name)) return undefined;
  if (change === 'dropped') return 'reasoning-dropped';
  if (change === 'renamed')
    return READ_AS_REASONING.has(detail.slice(detail.lastIndexOf('.') + 1))
      ? undefined
      : 'reasoning-renamed';
  return change === 'kept' || change === 'added' ? undefined : 'reasoning-rewritten';
}

function callCause({ field, change }: FieldChange): HopCause | undefined {
  if (!/\.(?:tool_calls|content\[tool_use\])\[/.test(field)) return undefined;
  if (change === 'kept' || change === 'reshaped') return undefined;
  return change === 'dropped' ? 'tool-call-dropped' : 'tool-call-rewritten';
}

/** What the trailing message has to be put back for. */
const OF_LAST: ReadonlySet<HopCause> = new Set([
  'role-changed',
  'marker-stripped',
  'marker-untranslated',
  'content-missing',
  'text-dropped',
  'text-trimmed',
  'parts-joined',
  'text-rewritten',
  'reasoning-dropped',
  'reasoning-renamed',
  'reasoning-rewritten',
  'tool-call-dropped',
  'tool-call-rewritten',
]);

/**
 * The body that should have been forwarded, as an OpenAI chat body that asks in the way that vLLM
 * and llama.cpp read: the hop's own body with what it took from the client's put back.
 */
export function putRight(
  sent: HopRequest,
  forwarded: HopRequest,
  causes: readonly HopCause[],
): JsonObject {
  let body: Record<string, unknown> = { ...forwarded.body };
  const has = (...names: HopCause[]): boolean => names.some((name) => causes.includes(name));
  if (has('history-changed', 'message-dropped') || isMessages(forwarded.path))
    body = { ...body, messages: conversationOf(sent.body).map((one) => chatMessage(one)) };
  else if (causes.some((name) => OF_LAST.has(name)))
    body = {
      ...body,
      messages: [
        ...asArray(body['messages']).slice(0, -1),
        chatMessage(conversationOf(sent.body).at(-1) ?? {}, lastOf(body)),
      ],
    };
  if (has('tools-changed') || isMessages(forwarded.path))
    body = { ...body, ...chatTools(sent.body) };
  if (has('template-arguments-dropped')) {
    const extra = asObject(sent.body['extra_body']);
    body = {
      ...body,
      chat_template_kwargs:
        sent.body['chat_template_kwargs'] ?? extra?.['chat_template_kwargs'] ?? {},
    };
  }
  if (askingOf(sent) !== 'none')
    body = { ...body, continue_final_message: true, add_generation_prompt: false };
  return body;
}

/**
 * A message of either API as a chat message: one text, reasoning in its own field, no marker. Where
 * the client gave the value of a call's arguments, any text of it will do: the forwarded one first.
 */
function chatMessage(message: JsonObject, forwarded: JsonObject = {}): JsonObject {
  const reasoning =
    thoughtIn(message['content']) ??
    asString(message['reasoning_content']) ??
    asString(message['reasoning']);
  const rest = Object.fromEntries(
    Object.entries(message).filter(
      ([name]) => !MARKERS.includes(name) && !READ_AS_REASONING.has(name) && name !== 'tool_calls',
    ),
  );
  const written = callsIn(forwarded);
  const calls = callsIn(message).map(({ id, name, arguments: held }, i) => ({
    id,
    type: 'function',
    function: { name, arguments: argumentsText(held, written[i]?.arguments) },
  }));
  return {
    ...rest,
    content: textsIn(message['content']).join(''),
    ...(calls.length === 0 ? {} : { tool_calls: calls }),
    ...(reasoning === undefined ? {} : { reasoning_content: reasoning }),
  };
}

function argumentsText(held: unknown, written: unknown): string {
  if (typeof held === 'string') return held;
  if (typeof written === 'string' && sameArguments(held, written)) return written;
  return JSON.stringify(held ?? {});
}
