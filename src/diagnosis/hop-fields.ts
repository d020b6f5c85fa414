/** One field of a request on both sides of a hop, and what became of it. */
import { asObject, type JsonObject } from '../dialects/json.ts';

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

/** What stands before the name of a field of `extra_body`, which gateways unpack. */
export const EXTRA = 'extra_body.';

/** Fields of one object, before and after: the same name, another place, another name, or none. */
export function compareFields(
  sent: ReadonlyMap<string, unknown>,
  forwarded: ReadonlyMap<string, unknown>,
  prefix: string,
): FieldChange[] {
  const left = new Set([...forwarded.keys()].filter((name) => !sent.has(name)));
  const changes = [...sent].map(([name, value]): FieldChange => {
    const field = prefix + name;
    if (forwarded.has(name)) return fieldChange(field, value, forwarded.get(name));
    const elsewhere = name.startsWith(EXTRA) ? name.slice(EXTRA.length) : EXTRA + name;
    if (left.has(elsewhere) && same(forwarded.get(elsewhere), value)) {
      left.delete(elsewhere);
      return { field, sent: value, forwarded: value, change: 'moved', detail: prefix + elsewhere };
    }
    const other = [...left].find(
      (known) => same(forwarded.get(known), value) && alike(name, known, value),
    );
    if (other === undefined)
      return { field, sent: value, forwarded: undefined, change: 'dropped', detail: '' };
    left.delete(other);
    return { field, sent: value, forwarded: value, change: 'renamed', detail: prefix + other };
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

export function fieldChange(field: string, sent: unknown, forwarded: unknown): FieldChange {
  const change = same(sent, forwarded)
    ? { change: 'kept' as const, detail: '' }
    : typeof sent === 'string' && typeof forwarded === 'string'
      ? textChange([sent], forwarded)
      : { change: 'rewritten' as const, detail: '' };
  return { field, sent, forwarded, ...change };
}

const SEPARATORS = ['\n', '\n\n', ' ', '\r\n'];

/** What became of a text that was sent in one or more parts. */
export function textChange(
  parts: readonly string[],
  after: string,
): Pick<FieldChange, 'change' | 'detail'> {
  const before = parts.join('');
  if (before === after) return { change: 'reshaped', detail: '' };
  const separator = SEPARATORS.find((known) => parts.join(known) === after);
  if (separator !== undefined) return { change: 'joined', detail: separator };
  if (after === '') return { change: 'dropped', detail: '' };
  if (before.trim() === after.trim() && before.includes(after)) {
    const start = !before.startsWith(after);
    const end = !before.endsWith(after);
    return { change: 'trimmed', detail: start && end ? 'both ends' : start ? 'start' : 'end' };
  }
  return { change: 'rewritten', detail: '' };
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
