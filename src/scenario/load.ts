/** Scenario packs from disk. */
import { readdir, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { messageOf, SeamstressError } from '../errors.ts';
import { readWithin } from '../read-file.ts';
import { parsePack } from './parse.ts';
import type { Scenario } from './schema.ts';
import { suggest } from './suggest.ts';

/** The packs that come with the package; two levels up from both `src/` and `dist/`. */
const BUILT_IN = fileURLToPath(new URL('../../scenarios/', import.meta.url));
const DEFAULT_PACK = 'thinker';
const MAX_BYTES = 1024 * 1024;
const MAX_PROBLEMS = 10;

const HINT = 'See scenarios/README.md for the fields of a scenario.';

/**
 * Loads scenarios, in the order of the arguments and of each file. The same file is read once.
 *
 * @param paths - YAML files, folders of them (not recursive), or names of built-in packs; a bare
 *   name such as `thinker` means the built-in pack, `./thinker` the folder. None: the built-in
 *   pack `thinker`.
 * @throws SeamstressError `usage` for a name that is neither a pack nor a file, `config` for
 *   everything that is wrong in the files: at most ten problems, one `file:line:column: field:
 *   problem` a line
 */
export async function loadScenarios(paths: readonly string[]): Promise<Scenario[]> {
  const packs = await builtInPacks();
  const files: string[] = [];
  for (const path of paths.length === 0 ? [DEFAULT_PACK] : paths)
    files.push(...(await filesOf(path, packs)));

  const scenarios: Scenario[] = [];
  const problems: string[] = [];
  const read = new Set<string>();
  const placeOf = new Map<string, string>();
  for (const file of files) {
    if (read.has(resolve(file))) continue;
    read.add(resolve(file));
    const parsed = await readPack(file);
    if ('problems' in parsed) {
      problems.push(...parsed.problems);
      continue;
    }
    for (const [i, scenario] of parsed.pack.scenarios.entries()) {
      const place = parsed.places[i] ?? file;
      const other = placeOf.get(scenario.id);
      if (other === undefined) placeOf.set(scenario.id, place);
      else
        problems.push(
          `${place}: scenarios[${i}].id: "${scenario.id}" is already the id at ${other}`,
        );
      scenarios.push(scenario);
    }
  }
  if (problems.length > 0) throw new SeamstressError('config', listing(problems), { hint: HINT });
  return scenarios;
}

/** Name → file. */
async function builtInPacks(): Promise<Map<string, string>> {
  const names = await readdir(BUILT_IN).catch(() => []);
  return new Map(names.filter(isYaml).map((name) => [stemOf(name), join(BUILT_IN, name)]));
}

async function filesOf(path: string, packs: ReadonlyMap<string, string>): Promise<string[]> {
  const builtIn = packs.get(path);
  if (builtIn !== undefined) return [builtIn];
  const found = await stat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT' && error.code !== 'ENOTDIR') throw unreadable(path, error);
    if (isYaml(path) || /[/\\]/.test(path))
      throw new SeamstressError('config', `${path}: no such file or folder`, { cause: error });
    const near = suggest(path, packs.keys());
    const hint = near === undefined ? '' : ` (did you mean "${near}"?)`;
    throw new SeamstressError('usage', `no scenario pack or file "${path}"${hint}`, {
      hint: `Built-in packs: ${[...packs.keys()].toSorted().join(', ')}. Or give a YAML file or a folder of them.`,
      cause: error,
    });
  });
  if (!found.isDirectory()) return [path];
  const names = await readdir(path).catch((error: unknown) => {
    throw unreadable(path, error);
  });
  const files = names.filter(isYaml).toSorted();
  if (files.length === 0)
    throw new SeamstressError('config', `${path}: no *.yaml or *.yml file in this folder`);
  return files.map((name) => join(path, name));
}

async function readPack(file: string): Promise<ReturnType<typeof parsePack>> {
  let bytes: Buffer;
  try {
    const { size } = await stat(file);
    if (size > MAX_BYTES)
      return { problems: [`${file}: larger than 1 MiB (${size} bytes); split the pack`] };
    bytes = readWithin(file, { most: MAX_BYTES, what: 'a pack', hint: HINT });
  } catch (error) {
    const why = error instanceof SeamstressError ? error.cause : error;
    return { problems: [unreadable(file, why).message] };
  }
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return { problems: [`${file}: not UTF-8 text`] };
  }
  return parsePack(text, file);
}

function unreadable(path: string, error: unknown): SeamstressError {
  return new SeamstressError('config', `${path}: can't be read: ${messageOf(error)}`, {
    cause: error,
  });
}

function listing(problems: readonly string[]): string {
  const rest = problems.length - MAX_PROBLEMS;
  const shown = problems.slice(0, MAX_PROBLEMS);
  return [...shown, ...(rest > 0 ? [`… and ${rest} more`] : [])].join('\n');
}

function isYaml(name: string): boolean {
  return /\.ya?ml$/i.test(name);
}

function stemOf(name: string): string {
  return name.replace(/\.ya?ml$/i, '');
}
