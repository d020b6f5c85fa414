/**
 * Tools on both sides of a hop. The two APIs write definitions, choices and calls differently; in
 * another shape they are the same. A call of the Messages API has a JSON value where one of the
 * chat API has its text.
 */
import { asArray, asObject, asString, type JsonObject } from '../dialects/json.ts';
import { parseJson } from '../parse-json.ts';
import { compareFields, fieldChange, same, type FieldChange } from './hop-fields.ts';

/** Top-level fields that are compared here. */
export const TOOL_FIELDS: ReadonlySet<string> = new Set(['tools', 'tool_choice']);

/** A tool call of either API. */
export interface HopCall {
  readonly id: unknown;
  readonly name: unknown;
  /** The text of the chat API, or the value of the Messages API. */
  readonly arguments: unknown;
  /** Where a message of its API has it. */
  readonly form: 'tool_calls' | 'content[tool_use]';
}

/** The tool calls of a message, in order. */
export function callsIn(message: JsonObject): HopCall[] {
  const blocks = asArray(message['content'])
    .map((part) => asObject(part))
    .filter((part) => part?.['type'] === 'tool_use');
  return [
    ...blocks.map((block): HopCall => ({
      id: block?.['id'],
      name: block?.['name'],
      arguments: block?.['input'],
      form: 'content[tool_use]',
    })),
    ...asArray(message['tool_calls']).map((value): HopCall => {
      const call = asObject(value);
      const fn = asObject(call?.['function']);
      return {
        id: call?.['id'],
        name: fn?.['name'],
        arguments: fn?.['arguments'],
        form: 'tool_calls',
      };
    }),
  ];
}

/** Each call against the one in its place. */
export function compareCalls(
  sent: JsonObject,
  forwarded: JsonObject,
  prefix: string,
): FieldChange[] {
  const before = callsIn(sent);
  const after = callsIn(forwarded);
  const count = Math.max(before.length, after.length);
  return Array.from({ length: count }, (_, i): FieldChange[] => {
    const [was, is] = [before[i], after[i]];
    const field = `${prefix}${was?.form ?? 'tool_calls'}[${i}]`;
    if (was === undefined || is === undefined)
      return [
        {
          field,
          sent: was && shownCall(was),
          forwarded: is && shownCall(is),
          change: was === undefined ? 'added' : 'dropped',
          detail: '',
        },
      ];
    const held = was.form === 'tool_calls' ? 'arguments' : 'input';
    return [
      fieldChange(`${field}.id`, was.id, is.id),
      fieldChange(`${field}.name`, was.name, is.name),
      argumentsChange(`${field}.${held}`, was.arguments, is.arguments),
    ];
  }).flat();
}

function shownCall({ id, name, arguments: held }: HopCall): JsonObject {
  return { id, name, arguments: held };
}

function argumentsChange(field: string, sent: unknown, forwarded: unknown): FieldChange {
  const plain = fieldChange(field, sent, forwarded);
  if (plain.change === 'kept' || plain.change === 'trimmed') return plain;
  if (forwarded === undefined || forwarded === null)
    return { ...plain, change: sent === undefined || sent === null ? 'kept' : 'dropped' };
  if (!same(valueOf(sent), valueOf(forwarded))) return plain;
  // A client that holds a text finds it in the prompt or does not; a value has no text to be kept.
  return typeof sent === 'string' && typeof forwarded === 'string'
    ? { ...plain, change: 'rewritten', detail: 'equal JSON' }
    : { ...plain, change: 'reshaped', detail: '' };
}

/** Whether two arguments are the same JSON value, each as it is or as its text. */
export function sameArguments(a: unknown, b: unknown): boolean {
  return same(valueOf(a), valueOf(b));
}

function valueOf(held: unknown): unknown {
  if (typeof held !== 'string') return held;
  try {
    return parseJson(held);
  } catch {
    return held;
  }
}

/** What a request says of tools: their definitions one by one, and the choice among them. */
export function compareTools(sent: JsonObject, forwarded: JsonObject): FieldChange[] {
  return [
    ...inForm('tools', sent['tools'], forwarded['tools'], definitionsIn, compareDefinitions),
    ...inForm('tool_choice', sent['tool_choice'], forwarded['tool_choice'], choiceOf),
  ];
}

/** A field that both APIs have in their own form: whole where only the form differs. */
function inForm<T>(
  field: string,
  sent: unknown,
  forwarded: unknown,
  read: (value: unknown) => T,
  inDetail?: (sent: T, forwarded: T) => FieldChange[],
): FieldChange[] {
  if (sent === undefined && forwarded === undefined) return [];
  const plain = { field, sent, forwarded, detail: '' };
  if (sent === undefined) return [{ ...plain, change: 'added' }];
  if (forwarded === undefined) return [{ ...plain, change: 'dropped' }];
  if (same(sent, forwarded)) return [{ ...plain, change: 'kept' }];
  const [was, is] = [read(sent), read(forwarded)];
  if (same(was, is)) return [{ ...plain, change: 'reshaped' }];
  const detailed = inDetail?.(was, is) ?? [];
  return detailed.length > 0 ? detailed : [{ ...plain, change: 'rewritten' }];
}

function definitionsIn(tools: unknown): JsonObject[] {
  return asArray(tools).map((value) => {
    const tool = asObject(value) ?? {};
    const fn = asObject(tool['function']);
    if (fn !== undefined) return fn;
    const { type: _, input_schema: parameters, ...rest } = tool;
    return parameters === undefined ? tool : { ...rest, parameters };
  });
}

/** By their names, or in their places where a name is not on the other side. */
function compareDefinitions(
  sent: readonly JsonObject[],
  forwarded: readonly JsonObject[],
): FieldChange[] {
  const left = new Set(forwarded.keys());
  const take = (j: number): number | undefined => (left.delete(j) ? j : undefined);
  const known = sent.map(({ name }) =>
    take(forwarded.findIndex((tool) => same(tool['name'], name))),
  );
  const places = known.map((j, i) => j ?? take(i));
  return [
    ...sent.flatMap((was, i): FieldChange[] => {
      const field = `tools[${i}]`;
      const j = places[i];
      const is = j === undefined ? undefined : forwarded[j];
      if (is === undefined)
        return [{ field, sent: was, forwarded: undefined, change: 'dropped', detail: '' }];
      const changes = compareFields(
        new Map(Object.entries(was)),
        new Map(Object.entries(is)),
        `${field}.`,
      );
      const moved = j === i ? [] : [{ ...fieldChange(field, was, is), change: 'moved' as const }];
      return [
        ...moved.map((change) => ({ ...change, detail: `tools[${j}]` })),
        ...changes.filter(({ change }) => change !== 'kept'),
      ];
    }),
    ...[...left].map((j): FieldChange => {
      const field = `tools[${j}]`;
      return { field, sent: undefined, forwarded: forwarded[j], change: 'added', detail: '' };
    }),
  ];
}

/** The choice in the words of the chat API: `auto`, `required`, `none`, or the name of a tool. */
function choiceOf(choice: unknown): unknown {
  if (typeof choice === 'string') return choice;
  const object = asObject(choice);
  const type = object?.['type'];
  if (type === 'any') return 'required';
  if (type === 'auto' || type === 'none') return type;
  return { tool: object?.['name'] ?? asObject(object?.['function'])?.['name'] };
}

/** Tools and choice of a request of either API, as the chat API has them; fields that it lacks are absent. */
export function chatTools(body: JsonObject): JsonObject {
  const { tools, tool_choice: choice } = body;
  const read = choiceOf(choice);
  const tool = asString(asObject(read)?.['tool']);
  return {
    ...(tools === undefined
      ? {}
      : { tools: definitionsIn(tools).map((fn) => ({ type: 'function', function: fn })) }),
    ...(choice === undefined
      ? {}
      : {
          tool_choice: tool === undefined ? read : { type: 'function', function: { name: tool } },
        }),
  };
}
