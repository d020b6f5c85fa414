/** What must not be written: the key, and where things lie on this machine. */
import { createHash } from 'node:crypto';
import { homedir } from 'node:os';
import { asArray, asObject, asString, type JsonObject } from '../dialects/json.ts';
import { Spelled } from '../wire/spelled.ts';

/** Texts of an evidence longer than this are cut; those of system messages far sooner. */
const LONGEST_TEXT = 2000;
const LONGEST_SYSTEM = 240;

/** Replaces texts by names, however they are spelt. */
export class Redactor {
  readonly #names: readonly string[];
  readonly #spelled: Spelled;

  /** @param names text → what stands for it; longer texts go first */
  constructor(names: Readonly<Record<string, string>>) {
    const pairs = Object.entries({ [homedir()]: '~', ...names }).filter(
      ([text]) => text.length > 1,
    );
    this.#names = pairs.map(([, name]) => name);
    this.#spelled = new Spelled(pairs.map(([text]) => text));
  }

  text(text: string): string {
    return this.#spelled.replace(text, (index) => this.#names[index] ?? '');
  }

  /** The same in every text of a JSON value, names of fields included. */
  json(value: unknown): unknown {
    if (typeof value === 'string') return this.text(value);
    if (Array.isArray(value)) return value.map((item) => this.json(item));
    const object = asObject(value);
    if (object === undefined) return value;
    return Object.fromEntries(
      Object.entries(object).map(([name, item]) => [this.text(name), this.json(item)]),
    );
  }
}

/**
 * A request's body as evidence: messages whole unless they are long, tools by their names. What
 * is cut says its length and the hash of the whole.
 */
export function evidenceOf(body: JsonObject): JsonObject {
  const { messages, tools, system, ...rest } = body;
  return {
    ...(shortened(rest, LONGEST_TEXT) as JsonObject),
    ...(tools === undefined ? {} : { tools: asArray(tools).map(toolName) }),
    ...(system === undefined ? {} : { system: shortened(system, LONGEST_SYSTEM) }),
    messages: asArray(messages).map((message) => {
      const role = asString(asObject(message)?.['role']);
      const aside = role === 'system' || role === 'developer';
      return shortened(message, aside ? LONGEST_SYSTEM : LONGEST_TEXT);
    }),
  };
}

function toolName(tool: unknown): string {
  const object = asObject(tool);
  return asString(asObject(object?.['function'])?.['name']) ?? asString(object?.['name']) ?? '?';
}

function shortened(value: unknown, most: number): unknown {
  if (typeof value === 'string') {
    if (value.length <= most) return value;
    const hash = createHash('sha256').update(value).digest('hex').slice(0, 16);
    return `${value.slice(0, most)}… (${value.length} characters, sha256 ${hash}…)`;
  }
  if (Array.isArray(value)) return value.map((item) => shortened(item, most));
  const object = asObject(value);
  if (object === undefined) return value;
  return Object.fromEntries(
    Object.entries(object).map(([name, item]) => [name, shortened(item, most)]),
  );
}
