/** The text of one YAML pack → scenarios, or every problem with the place where it is. */
import { isMap, isNode, isScalar, LineCounter, parseDocument, visit } from 'yaml';
import type { Document } from 'yaml';
import { z } from 'zod';
import { messageOf } from '../errors.ts';
import { schemaTrouble } from '../checks/structure.ts';
import { endOfValue } from '../seam/written.ts';
import { MAX_DEPTH, nestsTooDeeply } from './nesting.ts';
import { packSchema } from './schema.ts';
import type { Pack, Scenario } from './schema.ts';
import { suggest } from './suggest.ts';

/** A pack that was read well; `places[i]` is `file:line:column` of `scenarios[i].id`. */
export interface ParsedPack {
  readonly pack: Pack;
  readonly places: readonly string[];
}

type Path = readonly PropertyKey[];
type Issue = z.core.$ZodIssue;
interface Problem {
  readonly offset: number;
  readonly text: string;
}

/** Aliases may multiply a document at most this often. */
const MAX_ALIAS_COUNT = 100;

/**
 * Reads a pack. Tags are refused, aliases bounded, unknown fields named with the nearest known one.
 *
 * @param file - how messages call the file
 * @returns the pack, or the problems, one line each, in the order of the file
 */
export function parsePack(
  text: string,
  file: string,
): ParsedPack | { readonly problems: string[] } {
  const lines = new LineCounter();
  const place = (offset: number): string => {
    const { line, col } = lines.linePos(offset);
    return `${file}:${Math.max(line, 1)}:${Math.max(col, 1)}`;
  };
  const failed = (problems: readonly Problem[]): { problems: string[] } => ({
    problems: problems
      .toSorted((a, b) => a.offset - b.offset)
      .map((problem) => `${place(problem.offset)}: ${problem.text}`),
  });

  if (nestsTooDeeply(text))
    return failed([{ offset: 0, text: `nested more than ${MAX_DEPTH} levels deep` }]);
  const document = parseDocument(text, {
    lineCounter: lines,
    prettyErrors: false,
    schema: 'core',
    logLevel: 'error',
  });
  // Warnings are about tags that nobody resolves; a tag has no meaning in a pack.
  const faults = [...document.errors, ...document.warnings];
  if (faults.length > 0)
    return failed(faults.map((fault) => ({ offset: fault.pos[0], text: oneLine(fault.message) })));
  if (
    document.contents === null ||
    (isScalar(document.contents) && document.contents.value === null)
  )
    return failed([
      { offset: 0, text: 'empty file; a pack needs the fields "pack" and "scenarios"' },
    ]);
  const tagged = tagsIn(document);
  if (tagged.length > 0) return failed(tagged);

  let value: unknown;
  try {
    value = document.toJS({ maxAliasCount: MAX_ALIAS_COUNT });
  } catch (error) {
    return failed([{ offset: 0, text: oneLine(messageOf(error)) }]);
  }
  const result = packSchema.safeParse(value);
  if (!result.success)
    return failed(result.error.issues.flatMap((issue) => explain(issue, document, value)));
  const problems = checkMeaning(result.data, document);
  if (problems.length > 0) return failed(problems);
  const places = result.data.scenarios.map((_, i) =>
    place(offsetOf(document, ['scenarios', i, 'id'])),
  );
  return { pack: result.data, places };
}

/** Rules between fields, which the schema can't say. */
function checkMeaning(pack: Pack, document: Document): Problem[] {
  const problems: Problem[] = [];
  const seen = new Map<string, number>();
  for (const [i, scenario] of pack.scenarios.entries()) {
    const first = seen.get(scenario.id);
    const id: Path = ['scenarios', i, 'id'];
    if (first === undefined) seen.set(scenario.id, i);
    else
      problems.push({
        offset: offsetOf(document, id),
        text: `${show(id)}: "${scenario.id}" is already the id of scenarios[${first}]`,
      });
    const last = scenario.messages.length - 1;
    const role: Path = ['scenarios', i, 'messages', last, 'role'];
    if (scenario.messages[last]?.role === 'assistant')
      problems.push({
        offset: offsetOf(document, role),
        text: `${show(role)}: the last message can't be the assistant's, since the answer under test comes after it`,
      });
    problems.push(...checkConstraints(scenario, ['scenarios', i], document));
  }
  return problems;
}

/** Rules about what a client begins and what it asks for. */
function checkConstraints(scenario: Scenario, at: Path, document: Document): Problem[] {
  const { prefill, responseFormat, tools, toolChoice } = scenario;
  const problem = (path: Path, text: string): Problem => ({
    offset: offsetOf(document, [...at, ...path]),
    text: `${show([...at, ...path])}: ${text}`,
  });
  const problems: Problem[] = [];
  const trouble = responseFormat && schemaTrouble(responseFormat.schema);
  if (trouble !== undefined)
    problems.push(problem(['responseFormat', 'schema'], `no usable schema: ${oneLine(trouble)}`));
  if (toolChoice !== undefined && tools.length === 0)
    problems.push(problem(['toolChoice'], 'there are no tools to choose from'));
  if (prefill === undefined) return problems;
  const { content, reasoning = '', toolCalls = [] } = prefill;
  if (content === '' && reasoning === '' && toolCalls.length === 0)
    problems.push(problem(['prefill'], 'it begins nothing; leave it out'));
  for (const [i, call] of toolCalls.slice(0, -1).entries())
    if (endOfValue(call.arguments) === undefined)
      problems.push(
        problem(['prefill', 'toolCalls', i, 'arguments'], 'only the last call may be unfinished'),
      );
  if (toolCalls.length > 0 && tools.length === 0)
    problems.push(problem(['prefill', 'toolCalls'], 'there are no tools to call'));
  return problems;
}

/** One or more lines for an issue of the schema. */
function explain(issue: Issue, document: Document, root: unknown): Problem[] {
  if (issue.code === 'unrecognized_keys') {
    const known = knownFields(issue.path);
    return issue.keys.map((key) => {
      const near = suggest(key, known);
      const rest =
        near === undefined ? ` (known: ${known.join(', ')})` : ` (did you mean "${near}"?)`;
      return {
        offset: offsetOf(document, [...issue.path, key]),
        text: `${show([...issue.path, key])}: unknown field${rest}`,
      };
    });
  }
  const field = issue.path.length === 0 ? '' : `${show(issue.path)}: `;
  const text = `${field}${reason(issue, valueAt(root, issue.path))}`;
  return [{ offset: offsetOf(document, issue.path), text }];
}

function reason(issue: Issue, actual: unknown): string {
  if (actual === undefined) return 'missing';
  switch (issue.code) {
    case 'invalid_type':
      return `expected ${named(issue.expected)}, got ${describe(actual)}`;
    case 'invalid_value': {
      const allowed = issue.values.map((allowedValue) => JSON.stringify(allowedValue)).join(', ');
      const near =
        typeof actual === 'string' ? suggest(actual, issue.values.map(String)) : undefined;
      const hint = near === undefined ? '' : ` (did you mean "${near}"?)`;
      return `expected one of ${allowed}, got ${describe(actual)}${hint}`;
    }
    case 'invalid_format':
      return `expected ${issue.message}, got ${describe(actual)}`;
    case 'too_small':
      return issue.origin === 'string' || issue.origin === 'array'
        ? 'must not be empty'
        : `must be at least ${issue.minimum}, got ${describe(actual)}`;
    case 'too_big':
      return `must be at most ${issue.maximum}, got ${describe(actual)}`;
    case 'custom':
    case 'invalid_element':
    case 'invalid_key':
    case 'invalid_union':
    case 'not_multiple_of':
    case 'unrecognized_keys':
      break;
  }
  return oneLine(issue.message);
}

const NAMES: Readonly<Record<string, string>> = {
  string: 'a text',
  array: 'a list',
  object: 'a map',
  record: 'a map',
  boolean: 'true or false',
  int: 'a whole number',
  number: 'a number',
};

function named(type: string): string {
  return NAMES[type] ?? type;
}

function describe(value: unknown): string {
  if (value === null) return 'nothing';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'a map';
  const text = JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}

/** `scenarios[2].messages[0].role` */
function show(path: Path): string {
  return path
    .map((part, i) =>
      typeof part === 'number' ? `[${part}]` : `${i === 0 ? '' : '.'}${String(part)}`,
    )
    .join('');
}

/** Where a field is in the file; for a field that is missing, where its nearest parent is. */
function offsetOf(document: Document, path: Path): number {
  let node: unknown = document.contents;
  let offset = startOf(node) ?? 0;
  for (const part of path) {
    node = resolve(document, node);
    if (isMap(node)) {
      const pair = node.items.find(
        (item) => isScalar(item.key) && String(item.key.value) === String(part),
      );
      // A scalar is shown at its key, where an editor's search would look for it.
      offset = startOf(pair?.key) ?? offset;
      node = pair?.value;
    } else {
      node = isNode(node) && 'items' in node ? node.items[Number(part)] : undefined;
      offset = startOf(node) ?? offset;
    }
  }
  return offset;
}

function resolve(document: Document, node: unknown): unknown {
  return isNode(node) && 'source' in node && 'resolve' in node && typeof node.resolve === 'function'
    ? node.resolve(document)
    : node;
}

function startOf(node: unknown): number | undefined {
  return isNode(node) ? node.range?.[0] : undefined;
}

function valueAt(root: unknown, path: Path): unknown {
  let value = root;
  for (const part of path)
    value = typeof value === 'object' && value !== null ? Reflect.get(value, part) : undefined;
  return value;
}

/** The fields that the schema knows at a path, read from its JSON Schema. */
function knownFields(path: Path): string[] {
  let schema: JsonSchema | undefined = z.toJSONSchema(packSchema, { io: 'input' }) as JsonSchema;
  for (const part of path)
    schema = typeof part === 'number' ? schema?.items : schema?.properties?.[String(part)];
  return Object.keys(schema?.properties ?? {});
}

interface JsonSchema {
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly items?: JsonSchema;
}

/** Explicit tags, the standard ones too: `!!str 1` says less than `"1"`. */
function tagsIn(document: Document): Problem[] {
  const problems: Problem[] = [];
  visit(document, {
    Value(_key, node) {
      if (node.tag !== undefined)
        problems.push({ offset: startOf(node) ?? 0, text: `tags are not allowed: ${node.tag}` });
    },
  });
  return problems;
}

function oneLine(message: string): string {
  return message.replaceAll(/\s+/g, ' ').trim();
}
