import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { randomBytes } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { runClient, type ClientRun } from './client.ts';

const cwd = mkdtempSync(join(tmpdir(), 'seamstress-client-'));
afterAll(() => rmSync(cwd, { recursive: true, force: true }));

const run = (script: string, timeoutMs?: number, signal?: AbortSignal): Promise<ClientRun> =>
  start([process.execPath, '-e', script], timeoutMs, signal);

function start(
  argv: readonly string[],
  timeoutMs = 20_000,
  signal = new AbortController().signal,
): Promise<ClientRun> {
  const key = randomBytes(12).toString('hex');
  return runClient({
    argv,
    cwd,
    env: { ...(process.env as Record<string, string>), SEAMSTRESS_AUDIT_KEY: key },
    timeoutMs,
    signal,
    marker: `SEAMSTRESS_AUDIT_KEY=${key}`,
  });
}

/** Starts a grandchild in a session of its own that would live for ten minutes, and writes its pid. */
const DAEMON = `
const child = require('node:child_process').spawn('sleep', ['600'],
  { detached: true, stdio: 'inherit' });
require('node:fs').writeFileSync('pid', String(child.pid));
child.unref();`;

/** The same by a shell that ends while the grandchild is still becoming another program. */
const SWIFT_DAEMON = 'setsid sleep 600 </dev/null >/dev/null 2>&1 & echo $! > pid';

function alive(): boolean {
  const pid = readFileSync(join(cwd, 'pid'), 'utf8').trim();
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

describe('a client', () => {
  test('ends with its status and its words', async () => {
    const ended = await run("console.log('out'); console.error('err'); process.exitCode = 7");
    expect(ended).toMatchObject({ status: 7, ended: 'exit', stdout: 'out\n', stderr: 'err\n' });
  });

  test('that cannot be started says so', async () => {
    const ended = await runClient({
      argv: [join(cwd, 'nowhere')],
      cwd,
      env: {},
      timeoutMs: 1000,
      signal: new AbortController().signal,
      marker: 'SEAMSTRESS_AUDIT_KEY=none-such',
    });
    expect(ended).toMatchObject({ status: null, ended: 'not-started' });
    expect(ended.stderr).toContain('ENOENT');
  });

  test('that writes without end is kept within bounds', async () => {
    const ended = await run("process.stdout.write('x'.repeat(3 * 1024 * 1024))");
    expect(ended.stdout.length).toBeLessThan(1.1 * 1024 * 1024);
    expect(ended.stdout).toMatch(/x\n… \(2097152 more bytes\)$/);
  });

  test.skipIf(process.platform !== 'linux')(
    'leaves nothing behind when it ends, a daemon in a session of its own included',
    async () => {
      expect((await run(DAEMON)).ended).toBe('exit');
      expect(alive()).toBe(false);
    },
  );

  test.skipIf(process.platform !== 'linux')(
    'leaves nothing behind of what it was still starting when it ended',
    async () => {
      for (let time = 0; time < 100; time++) {
        expect((await start(['/bin/sh', '-c', SWIFT_DAEMON])).ended).toBe('exit');
        expect(alive()).toBe(false);
      }
    },
  );

  test.skipIf(process.platform !== 'linux')(
    'leaves nothing behind when its time is over, or when it is stopped',
    async () => {
      const late = await run(`${DAEMON} setTimeout(() => {}, 600000)`, 1500);
      expect(late).toMatchObject({ status: null, ended: 'timeout' });
      expect(alive()).toBe(false);
      const stop = new AbortController();
      setTimeout(() => stop.abort(), 1500);
      const stopped = await run(`${DAEMON} setTimeout(() => {}, 600000)`, 60_000, stop.signal);
      expect(stopped).toMatchObject({ status: null, ended: 'aborted' });
      expect(alive()).toBe(false);
    },
  );
});
