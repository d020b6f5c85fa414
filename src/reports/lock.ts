/**
 * Keeps two processes of one machine from writing the same folder. The lock of a process that is
 * gone does not count, so that a killed run can be gone on with.
 */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { SeamstressError } from '../errors.ts';

/** The lock's name in a folder: the process and the machine that write there. */
export const LOCK = 'writer.lock';

/** Locks of this process. */
const held = new Set<string>();

/**
 * Takes a folder, until it is given back or the process ends. One that this process has can be
 * taken again.
 *
 * @throws {SeamstressError} `output` when another process of this machine writes there
 */
export function lockFolder(folder: string): void {
  const path = join(folder, LOCK);
  const holder = holderOf(path);
  if (holder !== undefined && isAlive(holder))
    throw new SeamstressError('output', `process ${holder} is writing to ${folder}`, {
      hint: `Wait for it, or give another folder with --out. If it is no run of seamstress, remove ${path}.`,
    });
  rmSync(path, { force: true });
  writeFileSync(path, `${process.pid} ${hostname()}\n`, { flag: 'wx' });
  if (held.size === 0) process.once('exit', unlockAll);
  held.add(path);
}

/** Gives a folder back. */
export function unlockFolder(folder: string): void {
  const path = join(folder, LOCK);
  rmSync(path, { force: true });
  held.delete(path);
  if (held.size === 0) process.off('exit', unlockAll);
}

function unlockAll(): void {
  for (const path of held) {
    try {
      rmSync(path, { force: true });
    } catch {
      // The process ends; a lock that is left does not count then.
    }
  }
}

/** The other process of this machine that a lock names. */
function holderOf(path: string): number | undefined {
  let text;
  try {
    text = readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
  const [, pid, host] = /^(\d{1,10}) (.*)\n$/.exec(text) ?? [];
  const own = host !== hostname() || Number(pid) === process.pid;
  return pid === undefined || own ? undefined : Number(pid);
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
