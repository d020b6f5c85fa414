/**
 * What a hop did to a request: the body that the client sent against the one that was forwarded,
 * field by field. Everything here is a fact about two bodies; what it means for a seam is in
 * `hop-causes.ts`.
 */
import { asArray, asObject, asString, type JsonObject } from '../dialects/json.ts';
import { alignMessages } from './hop-align.ts';
import {
  compareFields,
  EXTRA,
  fieldChange,
  same,
  textChange,
  type FieldChange,
  type HopRequest,
} from './hop-fields.ts';
import { callsIn, compareCalls, compareTools, TOOL_FIELDS } from './hop-tools.ts';

/** Compares a request with what a hop made of it. Fields come in the client's order, added ones last. */
export function compareHop(sent: HopRequest, forwarded: HopRequest): FieldChange[] {
  return [
    fieldChange('endpoint', sent.path, forwarded.path),
    ...compareBodies(sent.body, forwarded.body),
    ...compareTools(sent.body, forwarded.body),
    ...compareMessages(sent.body, forwarded.body),
  ];
}

/** Fields that hold messages, compared on their own. */
const CONVERSATION = new Set(['messages', 'system']);

/** Top-level fields; those of `extra_body` count as their own, since gateways unpack it. */
function compareBodies(sent: JsonObject, forwarded: JsonObject): FieldChange[] {
  return compareFields(flat(sent), flat(forwarded), '');
}

function flat(body: JsonObject): Map<string, unknown> {
  const fields = new Map<string, unknown>();
  for (const [name, value] of Object.entries(body)) {
    const extra = name === 'extra_body' ? asObject(value) : undefined;
    if (extra !== undefined)
      for (const [inner, own] of Object.entries(extra)) fields.set(EXTRA + inner, own);
    else if (!CONVERSATION.has(name) && !TOOL_FIELDS.has(name)) fields.set(name, value);
  }
  return fields;
}

/** The conversation, a separate system prompt as its first message, each result of a tool as one. */
export function conversationOf(body: JsonObject): JsonObject[] {
  const system = body['system'];
  return [
    ...(system === undefined ? [] : [{ role: 'system', content: system }]),
    ...asArray(body['messages']).flatMap((message) => resultsApart(asObject(message) ?? {})),
  ];
}

/** The Messages API puts results into a message of the user; the chat API has messages for them. */
function resultsApart(message: JsonObject): JsonObject[] {
  const parts = asArray(message['content']);
  const results = parts
    .map((part) => asObject(part))
    .filter((part) => part?.['type'] === 'tool_result');
  if (results.length === 0) return [message];
  const others = parts.filter((part) => asObject(part)?.['type'] !== 'tool_result');
  return [
    ...results.map((result) => ({
      role: 'tool',
      tool_call_id: result?.['tool_use_id'],
      content: result?.['content'] ?? '',
    })),
    ...(others.length === 0 ? [] : [{ ...message, content: others }]),
  ];
}

function compareMessages(sent: JsonObject, forwarded: JsonObject): FieldChange[] {
  const before = conversationOf(sent);
  const after = conversationOf(forwarded);
  return alignMessages(before, after).flatMap(([i, j]): FieldChange[] => {
    const name = i === before.length - 1 ? 'messages[-1]' : `messages[${i ?? j}]`;
    const was = i === undefined ? undefined : before[i];
    const is = j === undefined ? undefined : after[j];
    if (was === undefined)
      return [{ field: name, sent: undefined, forwarded: is, change: 'added', detail: '' }];
    if (is === undefined)
      return [{ field: name, sent: was, forwarded: undefined, change: 'dropped', detail: '' }];
    return compareMessage(was, is, `${name}.`);
  });
}

const REASONING_NAMES = new Set(['reasoning_content', 'reasoning']);

/** Fields of a message that are compared on their own. */
const OWN = new Set(['role', 'content', 'tool_calls']);

/** The fields of a message beside those. */
function rest(message: JsonObject): Map<string, unknown> {
  return new Map(Object.entries(message).filter(([name]) => !OWN.has(name)));
}

function compareMessage(sent: JsonObject, forwarded: JsonObject, prefix: string): FieldChange[] {
  const changes = [fieldChange(`${prefix}role`, sent['role'], forwarded['role'])];
  const after = rest(forwarded);
  if (same(sent['content'], forwarded['content']))
    changes.push(fieldChange(`${prefix}content`, sent['content'], forwarded['content']));
  else changes.push(...compareContent(sent['content'], forwarded, after, prefix));
  return [
    ...changes,
    ...compareCalls(sent, forwarded, prefix),
    ...compareFields(rest(sent), after, prefix),
  ];
}

/** Contents that differ. A thought in a block is looked for in the fields of the message; those found are taken out of `after`. */
function compareContent(
  sent: unknown,
  message: JsonObject,
  after: Map<string, unknown>,
  prefix: string,
): FieldChange[] {
  const forwarded = message['content'];
  const changes: FieldChange[] = [];
  const thought = thoughtIn(sent);
  if (thought !== undefined && thoughtIn(forwarded) !== thought) {
    const [name, now] =
      [...after].find(([, value]) => value === thought) ??
      [...after].find(([known]) => REASONING_NAMES.has(known)) ??
      [];
    if (name !== undefined) after.delete(name);
    changes.push({
      field: `${prefix}content[thinking]`,
      sent: thought,
      forwarded: now,
      ...(name === undefined || typeof now !== 'string'
        ? { change: 'dropped', detail: '' }
        : now === thought
          ? { change: 'renamed', detail: prefix + name }
          : textChange([thought], now)),
    });
  }
  const texts = textsIn(sent);
  const now = textsIn(forwarded).join('');
  const field = `${prefix}content`;
  const unlike = { field, sent, forwarded };
  // Beside calls the chat API needs no content where there is no text.
  const needless = texts.length === 0 && callsIn(message).length > 0;
  if (texts.join('') === '' && now === '')
    changes.push({
      ...unlike,
      change: forwarded == null && !needless ? 'dropped' : 'reshaped',
      detail: '',
    });
  else changes.push({ ...unlike, ...textChange(texts, now) });
  return changes;
}

/** The texts of a content, in parts as they were sent. */
export function textsIn(content: unknown): string[] {
  if (typeof content === 'string') return [content];
  return asArray(content).flatMap((part) => asString(asObject(part)?.['text']) ?? []);
}

/** The thinking blocks of a content, joined; undefined when there is none. */
export function thoughtIn(content: unknown): string | undefined {
  const thoughts = asArray(content).flatMap((part) => asString(asObject(part)?.['thinking']) ?? []);
  return thoughts.length === 0 ? undefined : thoughts.join('');
}
