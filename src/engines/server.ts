import { type ChildProcess, spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import type { EngineExit } from './running.ts';
import { killAtExit, killTree, OWN_GROUP } from './tree.ts';

const LOG_CHARACTERS = 64 * 1024;
const LAST_LINES = 20;
const GRACE_MS = 3000;

/** A server process of ours. */
export interface ServerProcess {
  readonly exited: Promise<EngineExit>;
  /** The first line of standard output that the function turns into something. */
  firstLine<T>(this: void, read: (line: string) => T | undefined): Promise<T>;
  stop(this: void): Promise<void>;
  log(this: void): string;
}

/** What to start: a program with its arguments, or one line for the shell. */
export type ServerCommand =
  | { readonly program: string; readonly args: readonly string[] }
  | { readonly shell: string };

/**
 * Starts a server in a process group of its own, with a pipe as standard input that closes when
 * this process is gone. A shell's children would not notice that, so for a shell command a small
 * guard kills the group then (not on Windows).
 */
export function startServer(
  command: ServerCommand,
  env: Readonly<Record<string, string>> = {},
): ServerProcess {
  const options = {
    stdio: ['pipe', 'pipe', 'pipe'] as ['pipe', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
    detached: OWN_GROUP,
    windowsHide: true,
  };
  const child =
    'shell' in command
      ? spawn(command.shell, { ...options, shell: true })
      : spawn(command.program, [...command.args], options);
  killAtExit(child);
  const guard = 'shell' in command ? guardOf(child) : undefined;

  let log = '';
  let gone = false;
  let stopping: Promise<void> | undefined;
  const listeners = new Set<(line: string) => void>();
  let partial = '';
  const keep = (text: string): void => {
    log = (log + text).slice(-LOG_CHARACTERS);
  };
  child.stderr.setEncoding('utf8').on('data', keep);
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    keep(text);
    const lines = (partial + text).split('\n');
    partial = lines.pop() ?? '';
    for (const line of lines) for (const listener of listeners) listener(line);
  });
  // Closing a pipe whose reader is gone is not an error worth an uncaught exception.
  child.stdin.on('error', () => {});

  const ended = (code: number | null, signal: string | null): EngineExit => {
    guard?.kill('SIGKILL');
    return { code, signal, log: lastLines(log) };
  };
  const exited = new Promise<EngineExit>((resolve) => {
    child.once('error', (error) => {
      gone = true;
      keep(`${error.message}\n`);
      resolve(ended(null, null));
    });
    child.once('exit', (code, signal) => {
      gone = true;
      // Whatever a command left behind; its group's number may belong to others later.
      if (stopping === undefined) killTree(child, 'SIGKILL');
      const settle = (): void => resolve(ended(code, signal));
      // What it wrote last may still be in the pipes, which a surviving child can hold open.
      child.once('close', settle);
      setTimeout(settle, 200).unref();
    });
  });

  return {
    exited,
    log: () => log,
    stop: () => (stopping ??= gone ? Promise.resolve() : end(child, exited)),
    firstLine: (read) =>
      new Promise((resolve) => {
        const listener = (line: string): void => {
          const value = read(line);
          if (value === undefined) return;
          listeners.delete(listener);
          resolve(value);
        };
        listeners.add(listener);
      }),
  };
}

/**
 * Ends a child: its pipes close when it and all that share its output are gone. Waiting for the
 * process group to be empty would take longer, as it counts dead processes that nobody reaped.
 */
async function end(child: ChildProcess, exited: Promise<EngineExit>): Promise<void> {
  const closed = new Promise<void>((resolve) => child.once('close', () => resolve()));
  const patience = new AbortController();
  child.stdin?.end();
  killTree(child, 'SIGTERM');
  await Promise.race([closed, sleep(GRACE_MS, undefined, { signal: patience.signal })]);
  patience.abort();
  killTree(child, 'SIGKILL');
  await exited;
}

/** A shell that waits for its standard input to close, then kills the child's group. */
function guardOf(child: ChildProcess): ChildProcess | undefined {
  if (!OWN_GROUP || child.pid === undefined) return undefined;
  const guard = spawn(
    '/bin/sh',
    ['-c', 'read -r _; kill -KILL "-$1"', 'guard', String(child.pid)],
    { stdio: ['pipe', 'ignore', 'ignore'], detached: true },
  );
  guard.on('error', () => {});
  guard.stdin?.on('error', () => {});
  guard.unref();
  killAtExit(guard);
  return guard;
}

function lastLines(text: string): string {
  return text.trimEnd().split('\n').slice(-LAST_LINES).join('\n');
}
