/** The published builds of an engine that this machine can install. */
import { SeamstressError } from '../errors.ts';
import { PACKAGE_OF } from './environment.ts';
import { versionsOnIndex, versionsNear } from './package-index.ts';
import { pipFor } from './pip.ts';
import type { Progress } from './running.ts';
import { compareVersions, type EngineName } from './spec.ts';
import { throwIfStopped } from './stop-early.ts';

const INDEX_TIMEOUT_MS = 20_000;

/**
 * All versions of an engine that pip can install here, oldest first. Where the package index
 * cannot be reached: those in the cache, and a line of progress that says so.
 *
 * @throws {SeamstressError} `engine` when neither the index nor the cache has any; `interrupted`
 */
export async function publishedVersions(
  name: EngineName,
  { signal, progress }: { readonly signal: AbortSignal; readonly progress: Progress },
): Promise<string[]> {
  const { command, pythonVersion, cached } = await pipFor(name, signal);
  const answer =
    command === undefined
      ? { trouble: `Python ${pythonVersion} has no pip to ask` }
      : await versionsOnIndex(command, PACKAGE_OF[name], { signal, timeoutMs: INDEX_TIMEOUT_MS });
  throwIfStopped(signal, `listing the builds of ${name}`);
  if ('versions' in answer) return answer.versions.toSorted(compareVersions);
  if (cached.length === 0)
    throw new SeamstressError('engine', `the builds of ${name} are not known: ${answer.trouble}`, {
      hint: 'Name them, oldest first, with --versions.',
    });
  progress(
    `the package index cannot be asked (${answer.trouble}): only the builds in the cache count`,
  );
  return cached.map(({ marker }) => marker.version).toSorted(compareVersions);
}

/**
 * The part of a list of versions from one to the other, both included, in the order of the list.
 *
 * @throws {SeamstressError} `usage` when one of them is not in the list, or both are the same
 */
export function versionsBetween(all: readonly string[], a: string, b: string): string[] {
  const [from, to] = [a, b].map((version) => {
    const index = all.indexOf(version);
    if (index >= 0) return index;
    throw new SeamstressError('usage', `there is no build ${version} to choose from`, {
      hint: `The nearest: ${versionsNear(version, all).join(', ')}.`,
    });
  }) as [number, number];
  if (from === to)
    throw new SeamstressError('usage', 'the good and the bad build are the same', {
      hint: 'Give two builds that differ.',
    });
  return all.slice(Math.min(from, to), Math.max(from, to) + 1);
}
