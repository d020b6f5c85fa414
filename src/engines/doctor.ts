import { access, constants, open, readFile, stat, statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { messageOf } from '../errors.ts';
import { BUNDLED_MODEL, BUNDLED_TOKENIZER } from './bundle.ts';
import { cacheFolder } from './cache.ts';
import type { Diagnosis } from './diagnosis.ts';
import { cachedEnvironments, importTrouble, PACKAGE_OF } from './environment.ts';
import { versionsOnIndex } from './package-index.ts';
import { findPython, type Python, pythonHint } from './python.ts';
import { buildOf, compareVersions, ENGINE_NAMES } from './spec.ts';
import { throwIfStopped } from './stop-early.ts';
import { examineTarget } from './target.ts';

export type { Diagnosis } from './diagnosis.ts';

/** What to examine beyond this machine. */
export interface ExamineOptions {
  /** Base URL of a server. */
  readonly target?: string;
  readonly signal: AbortSignal;
}

const MIN_NODE = '20.19';
const INDEX_TIMEOUT_MS = 8000;
const LOW_SPACE = 1e9;

/**
 * Examines what seamstress relies on: Node, Python, the package index, the cache and the engines
 * in it, its own model files, and a target if one is given. Changes nothing.
 *
 * @throws SeamstressError `interrupted` only; all other trouble is a diagnosis.
 */
export async function examine({ target, signal }: ExamineOptions): Promise<Diagnosis[]> {
  const python = await findPython(signal);
  const rest = await Promise.all([
    examineIndex(python, signal),
    examineCache(cacheFolder()),
    examineEngines(signal),
    examineModel(BUNDLED_MODEL),
    examineTokenizer(BUNDLED_TOKENIZER),
    ...(target === undefined ? [] : [examineTarget(target, signal)]),
  ]);
  throwIfStopped(signal, 'examining this machine');
  return [examineNode(process.versions.node), examinePython(python), ...rest.flat()];
}

/** Exported for its tests. */
export function examineNode(version: string): Diagnosis {
  const what = 'Node.js';
  if (compareVersions(version, MIN_NODE) >= 0) return { what, status: 'ok', found: version };
  return {
    what,
    status: 'missing',
    found: `${version}, older than ${MIN_NODE}`,
    fix: `Install Node.js ${MIN_NODE} or newer.`,
  };
}

function examinePython(python: Python | undefined): Diagnosis {
  const what = 'Python';
  if (python === undefined) {
    return {
      what,
      status: 'missing',
      found: 'no Python 3.9 or newer on the PATH',
      fix: pythonHint(),
    };
  }
  const found = `${python.version} (${python.command.join(' ')})`;
  if (!python.hasVenv) {
    return { what, status: 'missing', found: `${found} without venv`, fix: pythonHint() };
  }
  if (!python.hasPip) {
    return {
      what,
      status: 'warning',
      found: `${found} without pip: the newest engine cannot be looked up, only named`,
      fix: 'Install pip, for example "apt install python3-pip".',
    };
  }
  return { what, status: 'ok', found: `${found} with venv and pip` };
}

async function examineIndex(python: Python | undefined, signal: AbortSignal): Promise<Diagnosis> {
  const what = 'package index';
  if (python === undefined || !python.hasPip) {
    return { what, status: 'warning', found: 'not asked, since there is no pip' };
  }
  const answer = await versionsOnIndex(python.command, PACKAGE_OF['llama.cpp'], {
    signal,
    timeoutMs: INDEX_TIMEOUT_MS,
  });
  if ('versions' in answer) {
    const [newest = 'none'] = answer.versions;
    return {
      what,
      status: 'ok',
      found: `newest llama.cpp is ${withBuild(newest)}, of ${answer.versions.length}`,
    };
  }
  return {
    what,
    status: 'warning',
    found: answer.trouble,
    fix: 'Only engines in the cache can be started until pip reaches its index; see "pip config list".',
  };
}

async function examineCache(folder: string): Promise<Diagnosis> {
  const what = 'cache folder';
  try {
    const there = await nearestExisting(folder);
    await access(there, constants.W_OK);
    const { bavail, bsize } = await statfs(there);
    const free = bavail * bsize;
    const found = `${folder}${there === folder ? '' : ' (not there yet)'}, ${gigabytes(free)} free`;
    if (free >= LOW_SPACE) return { what, status: 'ok', found };
    return {
      what,
      status: 'warning',
      found,
      fix: 'llama.cpp takes about 0.2 GB and vLLM about 4 GB; free some space or set SEAMSTRESS_CACHE.',
    };
  } catch (error) {
    return {
      what,
      status: 'missing',
      found: `${folder}: ${messageOf(error)}`,
      fix: 'Set SEAMSTRESS_CACHE to a folder that can be written.',
    };
  }
}

async function nearestExisting(path: string): Promise<string> {
  const found = await stat(path).catch(() => undefined);
  if (found?.isDirectory()) return path;
  const parent = dirname(path);
  if (found !== undefined || parent === path) throw new Error(`${path} is not a folder`);
  return nearestExisting(parent);
}

async function examineEngines(signal: AbortSignal): Promise<Diagnosis[]> {
  const found = await Promise.all(
    ENGINE_NAMES.map(async (name) =>
      (await cachedEnvironments(name)).map((environment) => ({ name, ...environment })),
    ),
  );
  const environments = found.flat();
  if (environments.length === 0) {
    return [
      {
        what: 'cached engines',
        status: 'warning',
        found: 'none',
        fix: 'None is needed beforehand: the first run with --engine installs one.',
      },
    ];
  }
  return Promise.all(
    environments.map(async ({ name, folder, marker }): Promise<Diagnosis> => {
      const what = `engine ${name} ${withBuild(marker.version)}`;
      const trouble = await importTrouble(name, folder, signal);
      if (trouble === undefined) {
        return { what, status: 'ok', found: `imports; Python ${marker.python}` };
      }
      return {
        what,
        status: 'warning',
        found: `does not import: ${trouble}`,
        fix: `It is installed again at its next use; or remove ${folder}.`,
      };
    }),
  );
}

async function examineModel(path: string): Promise<Diagnosis> {
  const what = 'bundled model';
  const fix = 'Install seamstress again, or give a model with --model.';
  try {
    const file = await open(path);
    try {
      const { size } = await file.stat();
      const { buffer } = await file.read(Buffer.alloc(4), 0, 4, 0);
      if (buffer.toString('latin1') === 'GGUF') {
        return { what, status: 'ok', found: `${(size / 1e6).toFixed(1)} MB GGUF` };
      }
      return { what, status: 'missing', found: `${path} is not a GGUF file`, fix };
    } finally {
      await file.close();
    }
  } catch (error) {
    return { what, status: 'missing', found: messageOf(error), fix };
  }
}

async function examineTokenizer(path: string): Promise<Diagnosis> {
  const what = 'bundled tokenizer';
  try {
    const { model } = JSON.parse(await readFile(path, 'utf8')) as {
      model: { type: string; vocab: object };
    };
    const size = Object.keys(model.vocab).length;
    return { what, status: 'ok', found: `${model.type} with ${size} entries` };
  } catch (error) {
    return {
      what,
      status: 'missing',
      found: messageOf(error),
      fix: 'Install seamstress again.',
    };
  }
}

function withBuild(version: string): string {
  const build = buildOf(version);
  return build === undefined ? version : `${version} (${build})`;
}

function gigabytes(bytes: number): string {
  return `${(bytes / 1e9).toFixed(1)} GB`;
}
