import { SeamstressError } from '../errors.ts';

/** Engines that can be provisioned by name. */
export type EngineName = 'llama.cpp' | 'vllm';

/** Gateways that can be provisioned by name: they stand in front of an engine. */
export type GatewayName = 'litellm';

/** Everything that can be installed into the cache. */
export type PackagedName = EngineName | GatewayName;

/** All engines, in the order of lists. */
export const ENGINE_NAMES: readonly EngineName[] = ['llama.cpp', 'vllm'];

/** A version that each engine has or had, for hints. */
const EXAMPLES: Readonly<Record<EngineName, string>> = {
  'llama.cpp': '2026.4.8929',
  vllm: '0.32.0',
};

/** An engine to provision, as the user names it. */
export interface EngineSpec {
  readonly name: EngineName;
  /**
   * A version on the package index, for example `2026.4.8929`; if undefined, the newest one, or of
   * vLLM the newest one that is known to work.
   */
  readonly version: string | undefined;
}

// Also a folder name and a command argument, hence nothing but digits, letters and single dots.
export const VERSION: RegExp = /^\d+(\.[0-9a-z]+)*$/i;

/**
 * Reads `NAME` or `NAME@VERSION`.
 *
 * @example parseEngine('llama.cpp@2026.4.8929') // { name: 'llama.cpp', version: '2026.4.8929' }
 * @throws SeamstressError `usage` for an unknown name or something that is not a version.
 */
export function parseEngine(text: string): EngineSpec {
  const at = text.indexOf('@');
  const given = at === -1 ? text : text.slice(0, at);
  const version = at === -1 ? undefined : text.slice(at + 1);
  const name = ENGINE_NAMES.find((known) => known === given);
  if (name === undefined) {
    throw new SeamstressError('usage', `unknown engine "${given}"`, {
      hint: `Known engines: ${ENGINE_NAMES.join(', ')}. For any other, start it yourself and give its URL, or use --engine-command.`,
    });
  }
  if (version !== undefined && !VERSION.test(version)) {
    throw new SeamstressError('usage', `"${version}" is not a version of ${name}`, {
      hint: `Write ${name} for the newest, or ${name}@VERSION, for example ${name}@${EXAMPLES[name]}.`,
    });
  }
  return { name, version };
}

/**
 * The llama.cpp build in an xllamacpp version: `b8929` for `2026.4.8929`, also for a repackaging
 * of it such as `2026.4.8929.1`. Undefined for versions without a date, which do not tell.
 */
export function buildOf(version: string): string | undefined {
  const [year = '', , build = ''] = version.split('.');
  return /^20\d\d$/.test(year) && /^\d+$/.test(build) ? `b${build}` : undefined;
}

/** Orders dotted versions by their numbers; for `sort`, oldest first. */
export function compareVersions(a: string, b: string): number {
  const left = a.split('.');
  const right = b.split('.');
  for (let i = 0; i < Math.max(left.length, right.length); i++) {
    const difference = Number.parseInt(left[i] ?? '-1', 10) - Number.parseInt(right[i] ?? '-1', 10);
    if (difference !== 0 && !Number.isNaN(difference)) return difference;
  }
  return a < b ? -1 : Number(a > b);
}
