/** Which options of a run chose its target: kept with its tape, so that the run can be gone on with. */
import type { Command } from 'commander';
import { SeamstressError } from '../errors.ts';
import { visible } from '../tokens/text.ts';
import type { TargetOptions } from './target.ts';

export type { TargetOptions };

/**
 * What a started engine loads. A tape may be somebody else's, and what stands in a model's files and
 * in a template is run or trusted by engines: it counts only when the command line gives it again.
 */
const LOADED = { engineModel: '--engine-model', chatTemplate: '--chat-template' } as const;

/** Left out: `engineCommand`, which may hold a key. */
const KEPT = [
  'target',
  'engine',
  'engineModel',
  'chatTemplate',
  'model',
  'dialect',
  'tokenizer',
  'persona',
  'fault',
  'via',
] as const;

/** What may be written down of the options; a URL without its user and password. */
export function originOf(options: object): Record<string, unknown> {
  const values = options as Record<string, unknown>;
  return Object.fromEntries(
    KEPT.flatMap((name) => (values[name] === undefined ? [] : [[name, harmless(values[name])]])),
  );
}

/**
 * The target of an earlier run, unless the command line names another way to it.
 *
 * @param note told which file of the tape's choice will be read
 * @throws {SeamstressError} `usage` when the tape names files for an engine to load and the command
 *   line does not
 */
export function targetOf(
  origin: Readonly<Record<string, unknown>>,
  options: TargetOptions,
  command: Command,
  note: (line: string) => void = () => {},
): TargetOptions {
  const given = KEPT.filter((name) => command.getOptionValueSource(name) === 'cli');
  const another = options.target ?? options.engine ?? options.engineCommand ?? undefined;
  if (another !== undefined) return options;
  const own = Object.fromEntries(
    given.map((name) => [name, (options as unknown as Record<string, unknown>)[name]]),
  );
  const told = kept(origin);
  requireGiven(told, own);
  if (told['tokenizer'] !== undefined && own['tokenizer'] === undefined)
    note(`the tokenizer is the one that the tape names: ${visible(told['tokenizer'] as string)}`);
  return { dialect: 'auto', ...told, ...own, toldByRecord: true };
}

function requireGiven(
  told: Readonly<Record<string, unknown>>,
  own: Readonly<Record<string, unknown>>,
): void {
  const missing = Object.entries(LOADED).filter(
    ([name]) => told[name] !== undefined && own[name] === undefined,
  );
  if (missing.length === 0) return;
  const files = missing.map(([name]) => visible(told[name] as string));
  throw new SeamstressError(
    'usage',
    `only the tape says that an engine is to load ${files.join(' and ')}`,
    {
      hint: `If that is yours, say so: ${missing.map(([name, flag]) => `${flag} ${quoted(told[name] as string)}`).join(' ')}`,
    },
  );
}

/** A path as a shell wants it; one that could be something else there is left for the user to write. */
function quoted(path: string): string {
  return /^[\w./@+:=,][\w./@+:=,-]*$/.test(path) ? path : 'PATH';
}

/** Nothing else is taken from a tape, which somebody else may have made: least of all a command. */
function kept(origin: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(
    KEPT.flatMap((name) => {
      const value = origin[name];
      const fits = name === 'fault' ? isTexts(value) : typeof value === 'string';
      return fits ? [[name, value]] : [];
    }),
  );
}

function isTexts(value: unknown): boolean {
  return Array.isArray(value) && value.every((item) => typeof item === 'string');
}

function harmless(value: unknown): unknown {
  if (typeof value !== 'string' || !URL.canParse(value)) return value;
  const url = new URL(value);
  if (url.username === '' && url.password === '') return value;
  url.username = '';
  url.password = '';
  return url.href;
}
