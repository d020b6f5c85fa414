/** Which options of a run chose its target: kept with its tape, so that the run can be gone on with. */
import type { Command } from 'commander';
import type { TargetOptions } from './target.ts';

export type { TargetOptions };

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

/** The target of an earlier run, unless the command line names another way to it. */
export function targetOf(
  origin: Readonly<Record<string, unknown>>,
  options: TargetOptions,
  command: Command,
): TargetOptions {
  const given = KEPT.filter((name) => command.getOptionValueSource(name) === 'cli');
  const another = options.target ?? options.engine ?? options.engineCommand ?? undefined;
  if (another !== undefined) return options;
  const own = Object.fromEntries(
    given.map((name) => [name, (options as unknown as Record<string, unknown>)[name]]),
  );
  return { dialect: 'auto', ...kept(origin), ...own, toldByRecord: true };
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
