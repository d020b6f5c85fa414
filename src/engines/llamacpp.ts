import { resolve } from 'node:path';
import { BUNDLED_MODEL, LLAMACPP_LAUNCHER } from './bundle.ts';
import { LOOPBACK, requireFreePort } from './port.ts';
import { provision } from './provision.ts';
import { requireReadable } from './readable.ts';
import type { LaunchOptions, RunningEngine } from './running.ts';
import { startServer } from './server.ts';
import { bringUp } from './bring-up.ts';
import { buildOf, type EngineSpec } from './spec.ts';

const HEALTH_MS = 60_000;

/**
 * Provisions a llama.cpp server, starts it on loopback and waits until it is healthy.
 *
 * Without a port the server picks one itself, so that no other process can take it in between.
 */
export async function startLlamaCpp(
  spec: EngineSpec,
  options: LaunchOptions,
): Promise<RunningEngine> {
  const { signal, progress, port, slots = 1, healthMs = HEALTH_MS } = options;
  const model = resolve(options.model ?? BUNDLED_MODEL);
  const template = options.chatTemplate === undefined ? undefined : resolve(options.chatTemplate);
  await requireReadable(model, 'model');
  if (template !== undefined) await requireReadable(template, 'chat template');
  const { python, marker } = await provision(spec, { signal, progress });
  if (port !== undefined) await requireFreePort(port);

  const { version } = marker;
  const build = buildOf(version);
  const args = ['--host', LOOPBACK, '--port', String(port ?? 0), '--slots', String(slots)];
  args.push('--model', model);
  if (template !== undefined) args.push('--chat-template', template);
  const server = startServer({ program: python, args: [LLAMACPP_LAUNCHER, ...args] });
  return bringUp(server, {
    title: `${spec.name} ${build ?? version}`,
    url: server.firstLine(listeningAddress),
    signal,
    progress,
    healthMs,
    identify: () => Promise.resolve({ name: spec.name, version, build, dialect: 'llama.cpp' }),
  });
}

function listeningAddress(line: string): string | undefined {
  try {
    const { listening } = JSON.parse(line) as { listening?: unknown };
    return typeof listening === 'string' ? listening : undefined;
  } catch {
    return undefined;
  }
}
