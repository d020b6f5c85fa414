/**
 * What a hop did to a request: the body that the client sent against the one that was forwarded,
 * field by field. Everything here is a fact about two bodies; what it means for a seam is in
 * `hop-causes.ts`.
 */
import { asArray, asObject, asString, type JsonObject } from '../dialects/json.ts';
import { alignMessages } from './hop-align.ts';

/** A request at one place on its way. */
export interface HopRequest {
  readonly path: string;
  readonly body: JsonObject;
}

/** What became of a field. */
export const CHANGES = [
  'kept',
  'dropped',
  'added',
  'renamed',
  'moved',
  'trimmed',
  'joined',
  'reshaped',
  'rewritten',
] as const;
export type Change = (typeof CHANGES)[number];

/** One field on both sides of a hop; a side that lacks it is undefined. */
export interface FieldChange {
  /** As the client knows it: `continue_final_message`, `messages[-1].content`, `endpoint`. */
  readonly field: string;
  readonly sent: unknown;
  readonly forwarded: unknown;
  readonly change: Change;
  /** The new name or place, what the parts were joined with, which end was trimmed; else empty. */
  readonly detail: string;
}

/** Compares a request with what a hop made of it. Fields come in the client's order, added ones last. */
export function compareHop(sent: HopRequest, forwarded: HopRequest): FieldChange[] {
  return [
    fieldChange('endpoint', sent.path, forwarded.path),
    ...compareBodies(sent.body, forwarded.body),
    ...compareMessages(sent.body, forwarded.body),
  ];
}

/** Fields that hold messages, compared on their own. */
const CONVERSATION = new Set(['messages', 'system']);

/** Top-level fields; those of `extra_body` count as their own, since gateways unpack it. */
function compareBodies(sent: JsonObject, forwarded: JsonObject): FieldChange[] {
  return compareFields(flat(sent), flat(forwarded), '');
}

const EXTRA = 'extra_body.';

function flat(body: JsonObject): Map<string, unknown> {
  const fields = new Map<string, unknown>();
  for (const [name, value] of Object.entries(body)) {
    const extra = name === 'extra_body' ? asObject(value) : undefined;
    if (extra !== undefined)
      for (const [inner, own] of Object.entries(extra)) fields.set(EXTRA + inner, own);
    else if (!CONVERSATION.has(name)) fields.set(name, value);
  }
  return fields;
}

/** Fields of one object, before and after: the same name, another place, another name, or none. */
function compareFields(
  sent: ReadonlyMap<string, unknown>,
  forwarded: ReadonlyMap<string, unknown>,
  prefix: string,
): FieldChange[] {
  const left = new Set([...forwarded.keys()].filter((name) => !sent.has(name)));
  const take = (name: string | undefined): string | undefined => {
    if (name !== undefined) left.delete(name);
    return name;
  };
  const changes = [...sent].map(([name, value]): FieldChange => {
    const field = prefix + name;
    if (forwarded.has(name)) return fieldChange(field, value, forwarded.get(name));
    const elsewhere = name.startsWith(EXTRA) ? name.slice(EXTRA.length) : EXTRA + name;
    if (left.has(elsewhere) && same(forwarded.get(elsewhere), value)) {
      take(elsewhere);
      return { field, sent: value, forwarded: value, change: 'moved', detail: prefix + elsewhere };
    }
    const other = take(
      [...left].find((known) => same(forwarded.get(known), value) && alike(name, known, value)),
    );
    return other === undefined
      ? { field, sent: value, forwarded: undefined, change: 'dropped', detail: '' }
      : { field, sent: value, forwarded: value, change: 'renamed', detail: prefix + other };
  });
  return [
    ...changes,
    ...[...left].map((name): FieldChange => ({
      field: prefix + name,
      sent: undefined,
      forwarded: forwarded.get(name),
      change: 'added',
      detail: '',
    })),
  ];
}

/**
 * Whether two names with an equal value can be one field: a value that says nothing of its own
 * (`true`, `1`, an empty text) proves nothing, unless the names share a word.
 */
function alike(a: string, b: string, value: unknown): boolean {
  if (typeof value === 'string' ? value.length > 3 : typeof value === 'object' && value !== null)
    return true;
  const words = new Set(a.toLowerCase().split(/[^a-z]+/));
  return b
    .toLowerCase()
    .split(/[^a-z]+/)
    .some((word) => word.length > 2 && words.has(word));
}

function fieldChange(field: string, sent: unknown, forwarded: unknown): FieldChange {
  const change = same(sent, forwarded)
    ? { change: 'kept' as const, detail: '' }
    : typeof sent === 'string' && typeof forwarded === 'string'
      ? textChange([sent], forwarded)
      : { change: 'rewritten' as const, detail: '' };
  return { field, sent, forwarded, ...change };
}

const SEPARATORS = ['\n', '\n\n', ' ', '\r\n'];

/** What became of a text that was sent in one or more parts. */
function textChange(
  parts: readonly string[],
  after: string,
): Pick<FieldChange, 'change' | 'detail'> {
  const before = parts.join('');
  if (before === after) return { change: 'reshaped', detail: '' };
  const separator =
    parts.length > 1 ? SEPARATORS.find((known) => parts.join(known) === after) : undefined;
  if (separator !== undefined) return { change: 'joined', detail: separator };
  if (after === '') return { change: 'dropped', detail: '' };
  if (before.trim() === after.trim() && before.includes(after)) {
    const start = !before.startsWith(after);
    const end = !before.endsWith(after);
    return { change: 'trimmed', detail: start && end ? 'both ends' : start ? 'start' : 'end' };
  }
  return { change: 'rewritten', detail: '' };
}

/** The conversation, a separate system prompt as its first message. */
export function conversationOf(body: JsonObject): JsonObject[] {
  const system = body['system'];
  return [
    ...(system === undefined ? [] : [{ role: 'system', content: system }]),
    ...asArray(body['messages']).map((message) => asObject(message) ?? {}),
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

const REASONING_NAMES = ['reasoning_content', 'reasoning'];

/** The fields of a message beside its role and content. */
function rest(message: JsonObject): Map<string, unknown> {
  return new Map(Object.entries(message).filter(([name]) => name !== 'role' && name !== 'content'));
}

function compareMessage(sent: JsonObject, forwarded: JsonObject, prefix: string): FieldChange[] {
  const changes = [fieldChange(`${prefix}role`, sent['role'], forwarded['role'])];
  const after = rest(forwarded);
  if (same(sent['content'], forwarded['content']))
    changes.push(fieldChange(`${prefix}content`, sent['content'], forwarded['content']));
  else changes.push(...compareContent(sent['content'], forwarded['content'], after, prefix));
  return [...changes, ...compareFields(rest(sent), after, prefix)];
}

/** Contents that differ. A thought in a block is looked for in the fields of the message; those found are taken out of `after`. */
function compareContent(
  sent: unknown,
  forwarded: unknown,
  after: Map<string, unknown>,
  prefix: string,
): FieldChange[] {
  const changes: FieldChange[] = [];
  const thought = thoughtIn(sent);
  if (thought !== undefined && thoughtIn(forwarded) !== thought) {
    const name =
      [...after.keys()].find((known) => after.get(known) === thought) ??
      REASONING_NAMES.find((known) => after.has(known));
    const now = name === undefined ? undefined : after.get(name);
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
  if (texts.join('') === '' && now === '')
    changes.push({ ...unlike, change: forwarded == null ? 'dropped' : 'reshaped', detail: '' });
  else changes.push({ ...unlike, ...textChange(texts, now) });
  return changes;
}

/** The texts of a content, in parts as they were sent. */
export function textsIn(content: unknown): string[] {
  if (typeof content === 'string') return [content];
  return asArray(content).flatMap((part) => {
    const text = asString(asObject(part)?.['text']);
    return text === undefined ? [] : [text];
  });
}

/** The thinking blocks of a content, joined; undefined when there is none. */
export function thoughtIn(content: unknown): string | undefined {
  const thoughts = asArray(content).flatMap((part) => {
    const thought = asString(asObject(part)?.['thinking']);
    return thought === undefined ? [] : [thought];
  });
  return thoughts.length === 0 ? undefined : thoughts.join('');
}

/** Equal as JSON values, whatever the order of the names. */
export function same(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (Array.isArray(a) && Array.isArray(b))
    return a.length === b.length && a.every((value, i) => same(value, b[i]));
  const [x, y] = [asObject(a), asObject(b)];
  if (x === undefined || y === undefined) return false;
  const names = Object.keys(x);
  return (
    names.length === Object.keys(y).length &&
    names.every((name) => Object.hasOwn(y, name) && same(x[name], y[name]))
  );
}
