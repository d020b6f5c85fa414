import { request } from 'undici';
import { z } from 'zod';
import { SeamstressError } from '../errors.ts';
import { bringUp, type Identity } from './bring-up.ts';
import { BUNDLED_MODEL } from './bundle.ts';
import { freePort, LOOPBACK, requireFreePort } from './port.ts';
import type { LaunchOptions, RunningEngine } from './running.ts';
import { startServer } from './server.ts';
import { throwIfStopped } from './stop-early.ts';

const HEALTH_MS = 300_000;

/**
 * Starts a server with the user's own command line, run by the shell (`sh`, `cmd`), and waits
 * until it is healthy. These placeholders are replaced: `{port}`, `{host}`, `{model}`,
 * `{template}` (the chat template's file) and `{slots}`; a path is quoted where it needs to be.
 * Other braces stay as they are.
 *
 * @example startCommand('llama-server -m {model} --host {host} --port {port} --jinja', options)
 * @throws SeamstressError `usage` when an option that was given has no placeholder to go to.
 */
export async function startCommand(
  command: string,
  options: LaunchOptions,
): Promise<RunningEngine> {
  const { signal, progress, healthMs = HEALTH_MS } = options;
  throwIfStopped(signal, 'starting the engine command');
  requirePlaceholders(command, options);
  if (options.port !== undefined) await requireFreePort(options.port);
  const port = options.port ?? (await freePort());
  const server = startServer({
    shell: fillIn(command, {
      port: String(port),
      host: LOOPBACK,
      model: options.model ?? BUNDLED_MODEL,
      template: options.chatTemplate ?? '',
      slots: String(options.slots ?? 1),
    }),
  });
  return bringUp(server, {
    title: 'the engine command',
    url: Promise.resolve(`http://${LOOPBACK}:${port}`),
    signal,
    progress,
    healthMs,
    identify: (url) => identify(url, signal),
  });
}

function requirePlaceholders(command: string, options: LaunchOptions): void {
  const needed = [
    ['port', true],
    ['model', options.model !== undefined],
    ['template', options.chatTemplate !== undefined],
  ] as const;
  for (const [name, given] of needed) {
    if (!given || command.includes(`{${name}}`)) continue;
    throw new SeamstressError('usage', `the engine command has no {${name}}`, {
      hint: `Write {${name}} where the server takes it, for example "llama-server -m {model} --host {host} --port {port}".`,
    });
  }
}

/** Replaces `{name}` by its value, quoted for the shell if it is not plain. */
export function fillIn(command: string, values: Readonly<Record<string, string>>): string {
  return command.replaceAll(/\{([a-z]+)\}/g, (whole, name: string) => {
    const value = values[name];
    return value === undefined ? whole : quoted(value);
  });
}

function quoted(value: string): string {
  if (process.platform === 'win32') return /[\s&|<>^()]/.test(value) ? `"${value}"` : value;
  return /^[\w./:@%+=,-]+$/.test(value) ? value : `'${value.replaceAll("'", `'\\''`)}'`;
}

const propsSchema = z.object({ build_info: z.string() });

/** What a server says of itself in llama.cpp's `/props`: `b8929-abcdef0`, for example. */
async function identify(url: string, signal: AbortSignal): Promise<Identity> {
  try {
    const { body } = await request(`${url}/props`, {
      signal: AbortSignal.any([signal, AbortSignal.timeout(5000)]),
    });
    const { build_info: version } = propsSchema.parse(await body.json());
    const build = /^b[1-9]\d*/.exec(version)?.[0];
    return { name: 'llama.cpp', version, build, dialect: 'llama.cpp' };
  } catch {
    return { name: 'engine command', version: 'unknown', build: undefined, dialect: 'auto' };
  }
}
