/** A client from the npm registry, installed once into the cache. */
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { cacheFolder } from '../engines/cache.ts';
import { withHeartbeat } from '../engines/heartbeat.ts';
import type { Progress } from '../engines/running.ts';
import { throwIfStopped } from '../engines/stop-early.ts';
import { runTool } from '../engines/tool.ts';
import { SeamstressError } from '../errors.ts';
import type { NpmClient } from './config.ts';

/**
 * The path of a client's program. It is built in a folder of its own and renamed when complete,
 * so that an interrupted installation is never taken for a good one. Install scripts do not run.
 *
 * @throws {SeamstressError} `engine` with npm's own words; `interrupted`
 */
export async function provideClient(
  client: NpmClient,
  signal: AbortSignal,
  progress: Progress,
): Promise<string> {
  const clients = join(cacheFolder(), 'clients');
  const folder = join(clients, `${client.package.replaceAll('/', '+')}-${client.version}`);
  const program = join(folder, 'node_modules', ...placed(client.program).split('/'));
  if (existsSync(program)) return program;
  const staging = join(clients, `.staging-${randomBytes(6).toString('hex')}`);
  try {
    await mkdir(staging, { recursive: true });
    const spec = `${client.package}@${client.version}`;
    const doing = `installing ${spec}`;
    const flags = ['--ignore-scripts', '--no-audit', '--no-fund', '--no-package-lock'];
    const result = await withHeartbeat(doing, progress, () =>
      runTool('npm', ['install', '--prefix', staging, ...flags, spec], { signal }),
    );
    throwIfStopped(signal, doing);
    if (result.code !== 0)
      throw new SeamstressError('engine', `npm could not install ${spec}: ${lastWords(result)}`, {
        hint: 'It needs npm and the registry; once installed, the cache is used.',
      });
    if (!existsSync(join(staging, 'node_modules', ...placed(client.program).split('/'))))
      throw new SeamstressError('engine', `${spec} has no ${placed(client.program)}`, {
        hint: `It may not exist for this system (${process.platform}-${process.arch}).`,
      });
    await rm(folder, { recursive: true, force: true });
    await rename(staging, folder).catch((error: unknown) => {
      // Another process was first.
      if (!existsSync(program)) throw error;
    });
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
  return program;
}

function placed(program: string): string {
  const os = process.platform === 'win32' ? 'windows' : process.platform;
  return program.replaceAll('{os}', os).replaceAll('{arch}', process.arch);
}

function lastWords({
  stdout,
  stderr,
  cut,
}: {
  stdout: string;
  stderr: string;
  cut: unknown;
}): string {
  if (cut === 'not-found') return 'npm is not installed';
  const lines = `${stdout}\n${stderr}`.split('\n').map((line) => line.trim());
  return (
    lines
      .filter((line) => line.startsWith('npm error'))
      .slice(0, 3)
      .join(' ') || 'no reason given'
  );
}
