/** Which pip to ask what the package index has. */
import { cachedEnvironments, type Environment } from './environment.ts';
import { requirePython } from './python.ts';
import type { PackagedName } from './spec.ts';

export interface Pip {
  /** The Python whose pip it is; undefined where there is none to ask. */
  readonly command: readonly [string, ...string[]] | undefined;
  /** Of the machine's Python. */
  readonly pythonVersion: string;
  /** What is in the cache already, the newest first. */
  readonly cached: readonly Environment[];
}

/**
 * The pip of the machine's Python, else that of an environment in the cache.
 *
 * @throws SeamstressError `engine` when there is no Python that will do
 */
export async function pipFor(name: PackagedName, signal: AbortSignal): Promise<Pip> {
  const python = await requirePython(signal);
  const cached = await cachedEnvironments(name);
  const [newest] = cached;
  return {
    command: python.hasPip ? python.command : newest && [newest.python],
    pythonVersion: python.version,
    cached,
  };
}
