/** One command of a client: started, watched, and ended with everything that it started. */
import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { killAtExit, killTree, OWN_GROUP } from '../engines/tree.ts';

/** Kept of each output; what is beyond is counted and dropped. */
const MAX_OUTPUT = 1024 * 1024;

export interface ClientCommand {
  readonly argv: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  /** `NAME=value` of the environment that nothing else on this machine has. */
  readonly marker: string;
}

export interface ClientRun {
  /** Null when it was killed or could not be started. */
  readonly status: number | null;
  readonly ended: 'exit' | 'timeout' | 'aborted' | 'not-started';
  readonly stdout: string;
  readonly stderr: string;
  readonly ms: number;
}

/** Runs a command to its end. Never throws; nothing of it is left when it resolves. */
export async function runClient(command: ClientCommand): Promise<ClientRun> {
  const { argv, cwd, env, timeoutMs, signal, marker } = command;
  const [program = '', ...args] = argv;
  const began = performance.now();
  const run = await new Promise<Omit<ClientRun, 'ms'>>((resolve) => {
    const [stdout, stderr] = [new Bounded(), new Bounded()];
    let cut: 'timeout' | 'aborted' | 'not-started' | undefined;
    const child = spawn(program, args, {
      cwd,
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: OWN_GROUP,
      windowsHide: true,
    });
    killAtExit(child);
    const end = (why: 'timeout' | 'aborted'): void => {
      cut ??= why;
      killTree(child, 'SIGKILL');
      endMarked(marker);
    };
    const onAbort = (): void => end('aborted');
    const timer = setTimeout(end, timeoutMs, 'timeout');
    let settled = false;
    const settle = (status: number | null): void => {
      if (settled) return;
      settled = true;
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
      resolve({
        status: cut === undefined ? status : null,
        ended: cut ?? 'exit',
        stdout: stdout.text(),
        stderr: stderr.text(),
      });
    };
    child.stdout.on('data', (bytes: Buffer) => stdout.add(bytes));
    child.stderr.on('data', (bytes: Buffer) => stderr.add(bytes));
    child.once('error', (error) => {
      cut ??= 'not-started';
      stderr.add(Buffer.from(error.message));
      settle(null);
    });
    // What it left behind may hold its pipes open: that is ended first.
    child.once('exit', () => {
      killTree(child, 'SIGKILL');
      endMarked(marker);
    });
    child.once('close', settle);
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
  });
  endMarked(marker);
  return { ...run, ms: performance.now() - began };
}

/** The first bytes of an output, up to a limit. */
class Bounded {
  readonly #chunks: Buffer[] = [];
  #size = 0;

  add(bytes: Buffer): void {
    const room = MAX_OUTPUT - this.#size;
    if (room > 0) this.#chunks.push(bytes.subarray(0, room));
    this.#size += bytes.length;
  }

  text(): string {
    const text = Buffer.concat(this.#chunks).toString('utf8');
    const over = this.#size - MAX_OUTPUT;
    return over > 0 ? `${text}\n… (${over} more bytes)` : text;
  }
}

/**
 * Kills every process whose environment holds the marker: what left its process group still has
 * the environment that it was started with. Linux only; elsewhere the group must do.
 */
function endMarked(marker: string): void {
  if (process.platform !== 'linux') return;
  for (const name of readdirSync('/proc')) {
    const pid = Number(name);
    if (!Number.isInteger(pid) || pid === process.pid) continue;
    try {
      if (!readFileSync(`/proc/${name}/environ`, 'utf8').split('\0').includes(marker)) continue;
      process.kill(pid, 'SIGKILL');
    } catch {
      // Another user's, or gone.
    }
  }
}
