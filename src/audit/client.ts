/** One command of a client: started, watched, and ended with everything that it started. */
import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
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
  const left = new Marked(marker);
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
      left.kill();
      killTree(child, 'SIGKILL');
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
      left.kill();
      killTree(child, 'SIGKILL');
    });
    child.once('close', settle);
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
  });
  const ms = performance.now() - began;
  await left.end();
  return { ...run, ms };
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

/** Looks without a find before nothing is taken to be left: a list of processes is not one moment. */
const CLEAN_LOOKS = 2;
const LOOK_EVERY_MS = 10;
/** A killed process that is stuck in the kernel is not waited for any longer. */
const GONE_WITHIN_MS = 5000;

/**
 * The processes whose environment holds the marker: what left its process group still has the
 * environment that it was started with. Linux only; elsewhere the group must do.
 */
class Marked {
  readonly #marker: string;
  readonly #killed = new Set<string>();

  constructor(marker: string) {
    this.#marker = marker;
  }

  /** Kills what is seen now. Whether another look is needed: something was, or may yet be. */
  kill(): boolean {
    if (process.platform !== 'linux') return false;
    let found = false;
    for (const pid of readdirSync('/proc')) {
      if (!/^\d+$/.test(pid) || Number(pid) === process.pid || this.#killed.has(pid)) continue;
      try {
        const environment = readFileSync(`/proc/${pid}/environ`, 'utf8');
        if (environment === '') found ||= isStarting(pid);
        if (!environment.split('\0').includes(this.#marker)) continue;
        process.kill(Number(pid), 'SIGKILL');
        this.#killed.add(pid);
        found = true;
      } catch {
        // Another user's, or gone.
      }
    }
    return found;
  }

  /** Kills until nothing more is seen, and waits until what was killed is gone. */
  async end(): Promise<void> {
    const until = performance.now() + GONE_WITHIN_MS;
    for (let clean = 0; clean < CLEAN_LOOKS && performance.now() < until;) {
      const more = this.kill() || [...this.#killed].some(isRunning);
      clean = more ? 0 : clean + 1;
      if (more) await sleep(LOOK_EVERY_MS);
    }
  }
}

/** Whether a process is just becoming another program: it has memory, but no arguments yet. */
function isStarting(pid: string): boolean {
  const memory = readFileSync(`/proc/${pid}/statm`, 'utf8');
  return !memory.startsWith('0 ') && readFileSync(`/proc/${pid}/cmdline`, 'utf8') === '';
}

/** Whether a process is there, and more than an entry that its parent has not read yet. */
function isRunning(pid: string): boolean {
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}
