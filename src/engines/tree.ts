import { type ChildProcess, spawn, spawnSync } from 'node:child_process';

/**
 * Whether to start a child as the leader of its own process group, so that `killTree` reaches
 * what it starts. Windows has no such groups: `taskkill /T` follows the parents instead.
 */
export const OWN_GROUP: boolean = process.platform !== 'win32';

/**
 * Signals a child started with `detached: OWN_GROUP`, and everything in its group. Quiet when
 * nothing is left.
 *
 * @param sync wait for it, for use while this process exits
 */
export function killTree(child: ChildProcess, signal: 'SIGTERM' | 'SIGKILL', sync = false): void {
  const { pid } = child;
  if (pid === undefined) return;
  if (OWN_GROUP) {
    try {
      process.kill(-pid, signal);
    } catch {
      // Nothing left in the group.
    }
    return;
  }
  const args = ['/pid', String(pid), '/t', '/f'];
  if (sync) spawnSync('taskkill', args, { stdio: 'ignore' });
  else spawn('taskkill', args, { stdio: 'ignore' }).on('error', () => child.kill());
}

const living = new Set<ChildProcess>();

/**
 * Kills the child's tree when this process exits, an uncaught exception included. (A SIGKILL
 * leaves no time for that.) Forgotten once the child is gone.
 */
export function killAtExit(child: ChildProcess): void {
  if (living.size === 0) process.on('exit', killLiving);
  living.add(child);
  child.once('exit', () => {
    living.delete(child);
    if (living.size === 0) process.off('exit', killLiving);
  });
}

function killLiving(): void {
  for (const child of living) killTree(child, 'SIGKILL', true);
}
