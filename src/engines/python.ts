import { join } from 'node:path';
import { SeamstressError } from '../errors.ts';
import { throwIfStopped } from './stop-early.ts';
import { runTool } from './tool.ts';

/** A Python 3 of the system. */
export interface Python {
  /** The program and the arguments that choose the version. */
  readonly command: readonly [string, ...string[]];
  /** For example `3.11.7`. */
  readonly version: string;
  readonly hasVenv: boolean;
  readonly hasPip: boolean;
}

const CANDIDATES: readonly (readonly [string, ...string[]])[] =
  process.platform === 'win32'
    ? [['py', '-3'], ['python'], ['python3']]
    : [['python3'], ['python']];

// Debian's python3 has the venv module but not the ensurepip that it needs to put pip in.
const PROBE = `
import importlib.util, json, sys
has = lambda name: importlib.util.find_spec(name) is not None
print(json.dumps([sys.version_info >= (3, 9), ".".join(map(str, sys.version_info[:3])), has("venv") and has("ensurepip"), has("pip")]))
`;

/**
 * Looks for a Python from 3.9 on. Undefined if there is none.
 *
 * @throws SeamstressError `interrupted` when the signal is aborted.
 */
export async function findPython(signal: AbortSignal): Promise<Python | undefined> {
  for (const command of CANDIDATES) {
    const [program, ...args] = command;
    const result = await runTool(program, [...args, '-c', PROBE], { signal, timeoutMs: 20_000 });
    throwIfStopped(signal, 'looking for Python');
    if (result.code !== 0) continue;
    const [fits, version, hasVenv, hasPip] = JSON.parse(result.stdout) as [
      boolean,
      string,
      boolean,
      boolean,
    ];
    if (fits) return { command, version, hasVenv, hasPip };
  }
  return undefined;
}

/** What to do about a Python that is missing, for this platform. */
export function pythonHint(): string {
  if (process.platform === 'win32') {
    return 'Install Python 3.10 or newer from python.org or with "winget install Python.Python.3.12".';
  }
  if (process.platform === 'darwin') {
    return 'Install Python 3.10 or newer, for example with "brew install python".';
  }
  return 'Install Python 3.10 or newer with its venv module, for example "apt install python3 python3-venv" or "dnf install python3".';
}

/**
 * A Python that can make virtual environments.
 *
 * @throws SeamstressError `engine` if there is none, with how to get one.
 */
export async function requirePython(signal: AbortSignal): Promise<Python> {
  const python = await findPython(signal);
  if (python === undefined) {
    throw new SeamstressError('engine', 'no Python 3.9 or newer was found on the PATH', {
      hint: pythonHint(),
    });
  }
  if (!python.hasVenv) {
    throw new SeamstressError('engine', `Python ${python.version} lacks venv or ensurepip`, {
      hint: pythonHint(),
    });
  }
  return python;
}

/** The interpreter inside a virtual environment. */
export function pythonOf(folder: string): string {
  return process.platform === 'win32'
    ? join(folder, 'Scripts', 'python.exe')
    : join(folder, 'bin', 'python');
}
