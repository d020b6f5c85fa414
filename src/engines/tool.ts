import { spawn } from 'node:child_process';
import { killAtExit, killTree, OWN_GROUP } from './tree.ts';

/** How a tool that ran to its end went. */
export interface ToolResult {
  /** Null if it was killed or could not be started. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** Why it has no exit status of its own. */
  readonly cut: 'timeout' | 'aborted' | 'not-found' | undefined;
}

/** How to run a tool. */
export interface ToolOptions {
  readonly signal: AbortSignal;
  /** @defaultValue no limit */
  readonly timeoutMs?: number;
  /** Added to the environment of this process. */
  readonly env?: Readonly<Record<string, string>>;
}

/**
 * Runs a program to its end and returns what it wrote. Never throws: at a timeout or an abort
 * the program is killed with everything it started, and the result says so.
 */
export function runTool(
  command: string,
  args: readonly string[],
  { signal, timeoutMs, env }: ToolOptions,
): Promise<ToolResult> {
  if (signal.aborted) {
    return Promise.resolve({ code: null, stdout: '', stderr: '', cut: 'aborted' });
  }
  return new Promise((resolve) => {
    let stdout = '';
    let stderr = '';
    let cut: ToolResult['cut'];
    const child = spawn(command, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...env },
      detached: OWN_GROUP,
      windowsHide: true,
    });
    killAtExit(child);
    const end = (why: ToolResult['cut']): void => {
      cut ??= why;
      killTree(child, 'SIGKILL');
    };
    const onAbort = (): void => end('aborted');
    signal.addEventListener('abort', onAbort, { once: true });
    const timer = timeoutMs === undefined ? undefined : setTimeout(end, timeoutMs, 'timeout');
    const settle = (code: number | null): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
      resolve({ code: cut === undefined ? code : null, stdout, stderr, cut });
    };
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    child.once('error', () => {
      cut ??= 'not-found';
      settle(null);
    });
    child.once('close', settle);
  });
}
