/**
 * Installs LiteLLM where the package index lags behind it. Its releases ask for the newest builds of
 * some dependencies within days (`certifi`, `litellm-proxy-extras`), which a mirror may not have yet;
 * a proxy on loopback without a database does as well with the ones before.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SeamstressError } from '../errors.ts';
import type { Installation } from './install.ts';
import { PIP_ENV, pipTrouble } from './package-index.ts';
import { pythonOf } from './python.ts';
import { throwIfStopped } from './stop-early.ts';
import { runTool, type ToolResult } from './tool.ts';

/** Requirements that are given up at most, one after the other. */
const MOST_RELAXED = 6;

/** Prints what the installed package requires with its proxy part, one requirement a line. */
const REQUIREMENTS = `
from importlib.metadata import requires
from pip._vendor.packaging.requirements import Requirement
for text in requires("litellm"):
    wanted = Requirement(text)
    if wanted.marker is None or wanted.marker.evaluate({"extra": "proxy"}):
        wanted.marker = None
        print(wanted)
`;

/** The requirement that the index cannot meet, as pip names it; undefined for any other failure. */
export function unmetRequirement(output: string): string | undefined {
  return /No matching distribution found for ([A-Za-z0-9][\w.-]*(?:\[[^\]]*\])?[^\s;]*)/.exec(
    output,
  )?.[1];
}

/** The name in a requirement, as package indexes compare names. */
export function nameIn(requirement: string): string {
  const [name = ''] = /^[A-Za-z0-9][\w.-]*/.exec(requirement) ?? [];
  return name
    .toLowerCase()
    .replaceAll(/[-_.]+/g, '-')
    .replace(/-+$/, '');
}

/** The requirements with any version of one package allowed. */
export function relax(requirements: readonly string[], name: string): string[] {
  return requirements.map((requirement) =>
    nameIn(requirement) === name
      ? (/^[A-Za-z0-9][\w.-]*(?:\[[^\]]*\])?/.exec(requirement)?.[0] ?? requirement)
      : requirement,
  );
}

/**
 * Installs the package alone, then what it requires, as near to what it asks for as the index has.
 * Tells which requirements were given up.
 *
 * @throws SeamstressError `engine` when it cannot be installed that way either; `interrupted`
 */
export async function installBehindIndex(
  { version, folder, signal, progress }: Installation,
  failed: ToolResult,
): Promise<readonly string[]> {
  const python = pythonOf(folder);
  const pip = async (args: readonly string[]): Promise<ToolResult> => {
    const all = ['-m', 'pip', 'install', '--only-binary', ':all:', ...args];
    const result = await runTool(python, all, { signal, env: PIP_ENV });
    throwIfStopped(signal, `installing litellm ${version}`);
    return result;
  };
  let last = failed;
  const alone = await pip(['--no-deps', `litellm==${version}`]);
  if (alone.code !== 0) throw trouble(version, alone);
  const listed = await runTool(python, ['-c', REQUIREMENTS], { signal });
  throwIfStopped(signal, `installing litellm ${version}`);
  if (listed.code !== 0) throw trouble(version, listed);
  let requirements = listed.stdout.trim().split(/\r?\n/);
  const relaxed: string[] = [];
  while (relaxed.length < MOST_RELAXED) {
    const unmet = unmetRequirement(`${last.stdout}\n${last.stderr}`);
    if (unmet === undefined) break;
    relaxed.push(unmet);
    progress(`the package index has no ${unmet}: taking the newest one that it has`);
    requirements = relax(requirements, nameIn(unmet));
    const file = join(folder, 'requirements.txt');
    await writeFile(file, `${requirements.join('\n')}\n`);
    last = await pip(['-r', file]);
    if (last.code === 0) return relaxed;
  }
  throw trouble(version, last);
}

function trouble(version: string, { stdout, stderr }: ToolResult): SeamstressError {
  const words = pipTrouble(`${stdout}\n${stderr}`);
  return new SeamstressError('engine', `pip could not install litellm ${version}: ${words}`, {
    hint: 'Name another version with --via litellm@VERSION.',
  });
}
