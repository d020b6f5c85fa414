import { randomBytes } from 'node:crypto';
import { mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf, SeamstressError } from '../errors.ts';
import {
  type Environment,
  environmentFolder,
  environmentsFolder,
  importTrouble,
  PACKAGE_OF,
  readEnvironment,
} from './environment.ts';
import { install } from './install.ts';
import { versionsOnIndex } from './package-index.ts';
import { pipFor } from './pip.ts';
import { requirePython } from './python.ts';
import type { Progress } from './running.ts';
import type { PackagedName } from './spec.ts';
import { throwIfStopped } from './stop-early.ts';

const INDEX_TIMEOUT_MS = 20_000;
const ABANDONED_MS = 24 * 60 * 60 * 1000;
const STAGING = '.staging-';

/**
 * Versions to take unless another is named, of engines whose newest one is not to be trusted: the
 * CPU build of vLLM is a third party's, and has to be made fit before it starts.
 */
const KNOWN_GOOD: Partial<Readonly<Record<PackagedName, string>>> = {
  vllm: '0.32.0',
  litellm: '1.109.1',
};

/** What to provision, and which version of it; undefined for the one that is known to work, or the newest. */
interface PackageSpec {
  readonly name: PackagedName;
  readonly version: string | undefined;
}

/** What goes with provisioning. */
export interface ProvisionOptions {
  readonly signal: AbortSignal;
  readonly progress: Progress;
}

/**
 * A complete environment for an engine: from the cache, else installed into it.
 *
 * It is built in a folder of its own and renamed when complete, so that an interrupted
 * installation is never taken for a good one. Of two processes that install the same version at
 * once the first to finish wins and the other takes its environment: that costs a second
 * download, and needs no lock that a killed process could leave behind.
 */
export async function provision(
  spec: PackageSpec,
  options: ProvisionOptions,
): Promise<Environment> {
  const { name } = spec;
  const version = spec.version ?? KNOWN_GOOD[name] ?? (await newestVersion(name, options));
  const folder = environmentFolder(name, version);
  const cached = await readEnvironment(folder);
  if (cached !== undefined) {
    const trouble = await importTrouble(name, folder, options.signal);
    throwIfStopped(options.signal, `checking ${name} ${version}`);
    if (trouble === undefined) return cached;
    options.progress(
      `the cached ${name} ${version} no longer works (${trouble}): installing it again`,
    );
    await discard(folder);
  }
  await buildInto(folder, { name, version }, options);
  const built = await readEnvironment(folder);
  if (built === undefined) {
    throw new SeamstressError('engine', `the environment of ${name} ${version} has disappeared`, {
      hint: `Something else removes files in ${environmentsFolder()}; try again.`,
    });
  }
  return built;
}

async function newestVersion(name: PackagedName, options: ProvisionOptions): Promise<string> {
  const { signal, progress } = options;
  const { command, pythonVersion, cached } = await pipFor(name, signal);
  if (command === undefined) {
    throw new SeamstressError(
      'engine',
      `Python ${pythonVersion} has no pip to ask for the newest version`,
      {
        hint: `Install pip (for example "apt install python3-pip"), or name a version: ${name}@VERSION.`,
      },
    );
  }
  const answer = await versionsOnIndex(command, PACKAGE_OF[name], {
    signal,
    timeoutMs: INDEX_TIMEOUT_MS,
  });
  throwIfStopped(signal, `looking for the newest ${name}`);
  if ('versions' in answer && answer.versions[0] !== undefined) return answer.versions[0];
  const trouble = 'trouble' in answer ? answer.trouble : 'it lists no version';
  const newest = cached[0]?.marker.version;
  if (newest === undefined) {
    throw new SeamstressError('engine', `the package index cannot be reached: ${trouble}`, {
      hint: `No ${name} is installed yet, and the first installation needs the network.`,
    });
  }
  progress(
    `the package index cannot be reached (${trouble}): taking the newest cached ${name}, ${newest}`,
  );
  return newest;
}

async function buildInto(
  folder: string,
  what: { readonly name: PackagedName; readonly version: string },
  options: ProvisionOptions,
): Promise<void> {
  const python = await requirePython(options.signal);
  const staging = await stagingFolder();
  try {
    await install({ ...what, ...options, python, folder: staging });
    await rename(staging, folder).catch(async (error: unknown) => {
      // Another process was first.
      if ((await readEnvironment(folder)) === undefined) throw error;
    });
  } finally {
    await remove(staging);
  }
}

async function stagingFolder(): Promise<string> {
  const parent = environmentsFolder();
  const folder = join(parent, `${STAGING}${process.pid}-${randomBytes(4).toString('hex')}`);
  try {
    await mkdir(parent, { recursive: true });
    await removeAbandoned(parent);
    await mkdir(folder);
  } catch (cause) {
    throw new SeamstressError('engine', `cannot write in the cache folder: ${messageOf(cause)}`, {
      hint: 'Set SEAMSTRESS_CACHE to a folder that can be written.',
      cause,
    });
  }
  return folder;
}

/** Removes what killed processes left. By age, since in a shared cache their ids mean nothing. */
async function removeAbandoned(parent: string): Promise<void> {
  const names = await readdir(parent);
  await Promise.all(
    names
      .filter((name) => name.startsWith(STAGING))
      .map(async (name) => {
        const { mtimeMs } = await stat(join(parent, name));
        if (Date.now() - mtimeMs > ABANDONED_MS) await remove(join(parent, name));
      }),
  );
}

async function discard(folder: string): Promise<void> {
  const aside = join(
    environmentsFolder(),
    `${STAGING}${process.pid}-${randomBytes(4).toString('hex')}`,
  );
  // Another process may be at the same thing.
  await rename(folder, aside).catch(() => {});
  await remove(aside);
}

function remove(folder: string): Promise<void> {
  return rm(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
}
