/**
 * Structured output across a seam: what a client holds and what the resumed stream adds must be one
 * JSON value that fits the schema. A server whose grammar knows nothing of the prefilled part makes
 * the model begin the value a second time.
 */
import { z } from 'zod';
import { messageOf } from '../errors.ts';
import { parseJson } from '../parse-json.ts';
import type { ResponseFormat, Scenario } from '../scenario/schema.ts';
import type { ShapeEvidence } from './shape.ts';

export const STRUCTURE_PROBLEMS = [
  /** The value is begun again behind the part that is held. */
  'started-anew',
  /** The texts together are no JSON value. */
  'no-value',
  /** They are one that does not fit the schema. */
  'misfit',
] as const;
export type StructureProblem = (typeof STRUCTURE_PROBLEMS)[number];

export interface StructureEvidence {
  readonly problem: StructureProblem | undefined;
  /** What is wrong, in words; empty when nothing is. */
  readonly detail: string;
}

const GOOD: StructureEvidence = { problem: undefined, detail: '' };

/**
 * Checks the content of a whole answer.
 *
 * @param held the content that the client held, perhaps none
 * @param added the content of the resumed stream
 */
export function checkStructure(
  format: ResponseFormat,
  held: string,
  added: string,
): StructureEvidence {
  const value = parse(held + added);
  if (value === undefined) {
    if (startsAnew(held, added))
      return {
        problem: 'started-anew',
        detail: 'the resumed text begins the value again instead of going on with it',
      };
    return { problem: 'no-value', detail: 'held text and resumed text are no JSON value together' };
  }
  const result = validatorOf(format.schema).safeParse(value.value);
  if (result.success) return GOOD;
  const [detail = ''] = result.error.issues.map(({ path, message }) =>
    path.length === 0 ? message : `${path.join('.')}: ${message}`,
  );
  return { problem: 'misfit', detail };
}

/**
 * What is wrong with the structure of a resumed answer, as the shape of its stream; undefined when
 * nothing is, or when the answer need not have a structure.
 *
 * @param held the content that the client held
 * @param whole the content of the uninterrupted answer
 * @param added the content of the resumed stream
 * @param finish its finish reason; undefined when it was not read to its end
 */
export function structureShape(
  { responseFormat }: Pick<Scenario, 'responseFormat'>,
  held: string,
  whole: string,
  added: string,
  finish: string | undefined,
): ShapeEvidence | undefined {
  const rest = whole.slice(held.length);
  if (responseFormat === undefined || held === '' || rest.startsWith(added)) return undefined;
  const told = { field: 'content', expected: rest, actual: added } as const;
  // After a colon another value may begin; that it is the first one shows in its text.
  const resembles =
    shared(whole, added) >= Math.min(PROBE, added.replaceAll(/\s/g, '').length) &&
    shared(whole, added) > shared(rest, added);
  if (startsAnew(held, added) || resembles) return { problem: 'json-restarted', ...told };
  if (finish !== 'stop') return undefined;
  const { problem } = checkStructure(responseFormat, held, added);
  return problem === undefined ? undefined : { problem: 'json-broken', ...told };
}

/** Characters that must agree before a text counts as the beginning of another. */
const PROBE = 8;

/** How much of their beginning two texts share, whitespace aside: a grammar may choose another. */
function shared(a: string, b: string): number {
  const [one, other] = [a.replaceAll(/\s/g, ''), b.replaceAll(/\s/g, '')];
  let length = 0;
  while (length < one.length && one[length] === other[length]) length++;
  return length;
}

/**
 * True when the added text begins the value a second time: the held text is the beginning of a
 * value, and with the added one it cannot be made whole, while the added one alone can. The added
 * text may have been cut.
 */
export function startsAnew(held: string, added: string): boolean {
  const begins = held.trimStart()[0];
  const again = added.trimStart();
  if ((begins !== '{' && begins !== '[') || again[0] !== begins) return false;
  return isBeginning(held) && !isBeginning(held + added) && isBeginning(again);
}

/** Why a schema cannot be used; undefined when it can. */
export function schemaTrouble(schema: ResponseFormat['schema']): string | undefined {
  try {
    validatorOf(schema);
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
}

function validatorOf(schema: ResponseFormat['schema']): z.ZodType {
  return z.fromJSONSchema(schema);
}

function parse(text: string): { readonly value: unknown } | undefined {
  try {
    return { value: parseJson(text) };
  } catch {
    return undefined;
  }
}

/** What may come next in a JSON text. */
type Expects = 'value' | 'key' | 'colon' | 'more';

const LITERAL = /^(?:true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?)$/;
/** What a cut may leave of a literal. */
const LITERAL_BEGUN =
  /^(?:t|tr|tru|true|f|fa|fal|fals|false|n|nu|nul|null|-|-?(?:0|[1-9]\d*)(?:\.\d*)?(?:[eE][+-]?\d*)?)$/;
const STRING = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[\dA-Fa-f]{4}))*"/y;
const STRING_BEGUN =
  /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[\dA-Fa-f]{4}))*(?:\\(?:u[\dA-Fa-f]{0,3})?)?/y;

/** True when a text is one JSON value or the beginning of one. */
export function isBeginning(text: string): boolean {
  const open: ('{' | '[')[] = [];
  let expects: Expects = 'value';
  // A closing bracket may come where a first key or value may.
  let fresh = false;
  let at = 0;
  const ended = (): boolean => open.length === 0 && expects === 'more';
  while (at < text.length) {
    const unit = text.charAt(at);
    if (/[ \t\n\r]/.test(unit)) {
      at++;
      continue;
    }
    if (ended()) return false;
    if (expects === 'colon') {
      if (unit !== ':') return false;
      expects = 'value';
      at++;
    } else if (expects === 'more' || (fresh && (unit === '}' || unit === ']'))) {
      const top = open.at(-1);
      if (unit === ',') {
        expects = top === '{' ? 'key' : 'value';
      } else if ((unit === '}' && top === '{') || (unit === ']' && top === '[')) {
        open.pop();
        expects = 'more';
      } else return false;
      fresh = false;
      at++;
    } else if (unit === '"') {
      const end = endOf(STRING, text, at);
      if (end === undefined) return endOf(STRING_BEGUN, text, at) === text.length;
      expects = expects === 'key' ? 'colon' : 'more';
      fresh = false;
      at = end;
    } else if (expects === 'key') {
      return false;
    } else if (unit === '{' || unit === '[') {
      open.push(unit);
      expects = unit === '{' ? 'key' : 'value';
      fresh = true;
      at++;
    } else {
      const word = /^[-+.\w]+/.exec(text.slice(at))?.[0] ?? '';
      if (at + word.length === text.length) return LITERAL_BEGUN.test(word);
      if (!LITERAL.test(word)) return false;
      expects = 'more';
      at += word.length;
    }
  }
  return true;
}

/** Where a match that starts at `at` ends. */
function endOf(pattern: RegExp, text: string, at: number): number | undefined {
  pattern.lastIndex = at;
  const found = pattern.exec(text);
  return found === null ? undefined : at + found[0].length;
}
