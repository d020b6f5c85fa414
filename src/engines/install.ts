import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { SeamstressError } from '../errors.ts';
import { importTrouble, type Marker, PACKAGE_OF, writeMarker } from './environment.ts';
import { withHeartbeat } from './heartbeat.ts';
import { installBehindIndex, nameIn, unmetRequirement } from './litellm-package.ts';
import { PIP_ENV, pipTrouble, versionsNear } from './package-index.ts';
import { type Python, pythonHint, pythonOf } from './python.ts';
import type { Progress } from './running.ts';
import type { PackagedName } from './spec.ts';
import { throwIfStopped } from './stop-early.ts';
import { runTool, type ToolResult } from './tool.ts';
import { adaptVllm } from './vllm-package.ts';

/** What to install, with what, and where. */
export interface Installation {
  readonly name: PackagedName;
  readonly version: string;
  readonly python: Python;
  /** An empty or missing folder. */
  readonly folder: string;
  readonly signal: AbortSignal;
  readonly progress: Progress;
}

/**
 * Makes a virtual environment in the folder, installs one version of the engine, makes it fit if
 * it has to be, checks that it can be imported, and marks the folder as complete.
 *
 * @throws SeamstressError `engine` with pip's own words; `interrupted`.
 */
export async function install(what: Installation): Promise<void> {
  const { name, version, folder, signal } = what;
  await createVenv(what);
  const wheel = await pipInstall(what);
  if (name === 'vllm') await adaptVllm(what);
  const trouble = await importTrouble(name, folder, signal);
  throwIfStopped(signal, `checking ${name} ${version}`);
  if (trouble !== undefined) {
    throw new SeamstressError('engine', `${name} ${version} was installed but cannot be imported`, {
      hint: `Python says: ${trouble}. An older version may suit this system.`,
    });
  }
  await writeMarker(folder, {
    engine: name,
    version,
    wheel,
    installedAt: new Date().toISOString(),
    python: what.python.version,
  });
}

async function createVenv({
  python,
  folder,
  signal,
  progress,
  ...what
}: Installation): Promise<void> {
  const [program, ...args] = python.command;
  const doing = `creating an environment for ${what.name} ${what.version}`;
  const result = await withHeartbeat(doing, progress, () =>
    runTool(program, [...args, '-m', 'venv', folder], { signal }),
  );
  throwIfStopped(signal, doing);
  if (result.code !== 0) {
    const words = pipTrouble(`${result.stdout}\n${result.stderr}`);
    throw new SeamstressError('engine', `python -m venv failed: ${words}`, { hint: pythonHint() });
  }
}

/** Between two lines that say how long it has taken so far. */
const HEARTBEAT_MS: Readonly<Record<PackagedName, number>> = {
  'llama.cpp': 3000,
  vllm: 10_000,
  litellm: 10_000,
};

const SIZES: Readonly<Record<PackagedName, string>> = {
  'llama.cpp': 'about 130 MB',
  vllm: 'several GB',
  litellm: 'about 400 MB',
};

/** The optional parts of a package that are needed. */
const EXTRAS: Partial<Readonly<Record<PackagedName, string>>> = { litellm: '[proxy]' };

async function pipInstall(what: Installation): Promise<Marker['wheel']> {
  const { name, version, folder, signal, progress } = what;
  const python = pythonOf(folder);
  const pip = (args: readonly string[]): Promise<ToolResult> =>
    runTool(python, ['-m', 'pip', ...args], { signal, env: PIP_ENV });
  const requirement = `${PACKAGE_OF[name]}${EXTRAS[name] ?? ''}==${version}`;
  const report = join(folder, 'pip-report.json');
  const reporting = canReport((await pip(['--version'])).stdout) ? ['--report', report] : [];
  const doing = `installing ${PACKAGE_OF[name]} ${version} (${SIZES[name]} unpacked)`;
  const result = await withHeartbeat(
    doing,
    progress,
    () => pip(['install', '--only-binary', ':all:', ...reporting, requirement]),
    HEARTBEAT_MS[name],
  );
  throwIfStopped(signal, doing);
  if (result.code !== 0) {
    const unmet = unmetRequirement(`${result.stdout}\n${result.stderr}`);
    if (name !== 'litellm' || unmet === undefined || nameIn(unmet) === name)
      throw installError(name, version, result);
    await installBehindIndex(what, result);
    return null;
  }
  return reporting.length === 0 ? null : readWheel(report, PACKAGE_OF[name]);
}

/** pip writes reports from 22.2 on. */
function canReport(versionLine: string): boolean {
  const [, major = 0, minor = 0] = /^pip (\d+)\.(\d+)/.exec(versionLine)?.map(Number) ?? [];
  return major > 22 || (major === 22 && minor >= 2);
}

const reportSchema = z.object({
  install: z.array(
    z.object({
      metadata: z.object({ name: z.string() }),
      download_info: z.object({
        url: z.string(),
        archive_info: z.object({ hashes: z.object({ sha256: z.string() }) }),
      }),
    }),
  ),
});

async function readWheel(report: string, packageName: string): Promise<Marker['wheel']> {
  try {
    const { install: installed } = reportSchema.parse(JSON.parse(await readFile(report, 'utf8')));
    const info = installed.find(({ metadata }) => metadata.name === packageName)?.download_info;
    if (info === undefined) return null;
    const file = decodeURIComponent(new URL(info.url).pathname.split('/').at(-1) ?? '');
    return { file, sha256: info.archive_info.hashes.sha256 };
  } catch {
    // Only a note of what was installed; an unexpected report is no reason to fail.
    return null;
  }
}

/** What a failed `pip install` means. Exported for its tests. */
export function installError(
  name: PackagedName,
  version: string,
  result: Pick<ToolResult, 'stdout' | 'stderr'>,
): SeamstressError {
  const output = `${result.stdout}\n${result.stderr}`;
  const listed = /\(from versions: ([^)]*)\)/.exec(output)?.[1];
  if (listed !== undefined && listed !== 'none' && listed !== '') {
    const near = versionsNear(version, listed.split(/,\s*/));
    return new SeamstressError('engine', `${name} ${version} is not on the package index`, {
      hint: `Versions that this system can install: ${near.join(', ')}.`,
    });
  }
  if (/Retrying|connection|timed out|name resolution/i.test(output)) {
    return new SeamstressError('engine', 'the package index cannot be reached', {
      hint: `pip says: ${pipTrouble(output)}`,
    });
  }
  if (listed !== undefined) {
    return new SeamstressError(
      'engine',
      `the package index has no ${PACKAGE_OF[name]} for this Python and platform (${process.platform}-${process.arch})`,
      { hint: 'Build the server yourself and start it with --engine-command.' },
    );
  }
  return new SeamstressError(
    'engine',
    `pip could not install ${name} ${version}: ${pipTrouble(output)}`,
    {
      hint: 'Try the same with pip in an environment of your own, or start the server yourself with --engine-command.',
    },
  );
}
