import { startLlamaCpp } from './llamacpp.ts';
import type { LaunchOptions, RunningEngine } from './running.ts';
import type { EngineName, EngineSpec } from './spec.ts';
import { startVllm } from './vllm.ts';

export { startCommand } from './command.ts';
export type { LaunchOptions, RunningEngine } from './running.ts';
export { type EngineSpec, parseEngine } from './spec.ts';

const STARTERS: Readonly<Record<EngineName, typeof startLlamaCpp>> = {
  'llama.cpp': startLlamaCpp,
  vllm: startVllm,
};

/**
 * Provisions an engine (from the cache, else from the package index), starts it on loopback and
 * waits until it answers.
 *
 * @example
 * const { signal } = new AbortController();
 * const engine = await startEngine(parseEngine('llama.cpp'), { signal, progress: console.error });
 * await engine.stop();
 * @throws SeamstressError `engine` when it cannot be provisioned or started, `usage` for a file
 * that cannot be read, `interrupted` when the signal is aborted.
 */
export function startEngine(spec: EngineSpec, options: LaunchOptions): Promise<RunningEngine> {
  return STARTERS[spec.name](spec, options);
}
