/** Bisection over the published llama.cpp builds: where a refusal ended. */
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, symlinkSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Bisection, BisectStep } from '../../src/campaign/bisect.ts';
import { cacheFolder } from '../../src/engines/cache.ts';
import { seamstress } from '../commands/cli.test-help.ts';

const cwd = mkdtempSync(join(tmpdir(), 'seamstress-bisect-'));

// The user's own cache behind a path of ours, so that our processes can be told from others'.
const cache = join(cwd, 'cache');
const where = { cwd, env: { SEAMSTRESS_CACHE: cache }, timeoutMs: 590_000 };
beforeAll(() => {
  const engines = join(cacheFolder(), 'engines');
  mkdirSync(engines, { recursive: true });
  mkdirSync(cache);
  symlinkSync(engines, join(cache, 'engines'));
});
afterAll(() => rm(cwd, { recursive: true, force: true }));

type Log = Bisection & { readonly steps: readonly BisectStep[]; readonly seconds: number };

/** Command lines of living servers of ours. */
async function servers(): Promise<string[]> {
  const { stdout } = await promisify(execFile)('ps', ['-eo', 'args'], { maxBuffer: 1e8 });
  return stdout.split('\n').filter((line) => line.includes(cache));
}

async function expectNoServer(): Promise<void> {
  for (let i = 0; i < 50 && (await servers()).length > 0; i++) await sleep(100);
  expect(await servers()).toEqual([]);
}

/** The finding's file of the last build that refuses. */
function refusal(): string {
  const folder = join(cwd, 'cause', '2026.5.9093', 'findings');
  const file = readdirSync(folder).find((name) => name.startsWith('prefill-refused-thinking-'));
  if (file === undefined) throw new Error(`no refusal in ${folder}`);
  return join(folder, file);
}

test('the refusal of prefills while thinking ended between 2026.5.9093 and 2026.5.9294', async () => {
  const ends = ['--good', '2026.10.11549', '--bad', '2026.4.8672'];
  const what = ['--engine', 'llama.cpp', '--finding', 'prefill-refused-thinking'];
  const ran = await seamstress(['bisect', ...what, ...ends, '--out', 'cause', '--json'], where);
  expect(ran).toMatchObject({ status: 0 });
  const log = JSON.parse(ran.stdout) as Log;
  expect(log).toMatchObject({
    looksFor: 'first-good',
    last: '2026.5.9093',
    first: '2026.5.9294',
    skipped: [],
  });
  // 2026.4.8672 itself may not start on this processor; then its repackaging stands for it.
  expect(log.steps.length).toBeLessThanOrEqual(7);
  expect(log.steps.filter(({ outcome }) => outcome === 'skip').length).toBeLessThanOrEqual(1);
  expect(readFileSync(refusal(), 'utf8')).toContain(
    'Assistant response prefill is incompatible with enable_thinking.',
  );
  await expectNoServer();
});

test('the same by the finding’s own seam', async () => {
  const ends = ['--good', '2026.5.9294', '--bad', '2026.4.8929'];
  const what = ['--engine', 'llama.cpp', '--finding', refusal()];
  const ran = await seamstress(['bisect', ...what, ...ends, '--out', 'seam'], where);
  expect(ran).toMatchObject({ status: 0 });
  expect(ran.stdout).toMatch(/^first good build: 2026\.5\.9294; last bad build: 2026\.5\.9093$/m);
  expect(ran.stdout).toMatch(/^3 builds tested in \d+ s$/m);
  await expectNoServer();
});
