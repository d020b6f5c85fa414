/** Runs that end early keep what they have, say why, and leave nothing behind. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, onTestFinished, test } from 'vitest';
import { LOCK } from '../../src/reports/lock.ts';
import { behindProxy } from './server.test-help.ts';
import {
  packOf,
  readRun,
  seamstress,
  start,
  temporaryFolder,
  until,
  untilSeams,
} from './cli.test-help.ts';

const cwd = temporaryFolder();
const pack = packOf(cwd, ['add', 'fruits']);

/** A right server that takes its time to render a template. */
async function slow(): Promise<string> {
  return await behindProxy(async ({ path }) => {
    if (path === '/apply-template') await sleep(40);
    return false;
  });
}

describe.each(['SIGINT', 'SIGTERM'] as const)('%s', (signal) => {
  test.each(['sweep', 'fuzz'])('while it judges (%s)', async (mode) => {
    const out = `${signal}-${mode}`;
    const args = ['run', pack, '--target', await slow(), '--mode', mode, '--out', out];
    const running = start(args, { cwd });
    await untilSeams(join(cwd, out), 10);
    const asked = performance.now();
    running.child.kill(signal);
    const ran = await running.ended;
    expect(performance.now() - asked).toBeLessThan(5000);
    expect(ran).toMatchObject({ status: 130 });
    const { record } = readRun(join(cwd, out));
    expect(record.interrupted).toBe('signal');
    expect(record.totals.seams).toBeGreaterThanOrEqual(10);
    expect(record.totals.verdicts.exact).toBe(record.totals.seams);
    expect(ran.stdout).toContain('stopped by you');
    if (mode === 'sweep') {
      expect(record.totals.seams).toBeLessThan(record.plan.seams);
      expect(record.notTested.map(({ what }) => what)).toContain('planned seams');
    }
  });

  test('keeps the findings so far', async () => {
    const url = await behindProxy(
      async ({ path }) => {
        if (path === '/apply-template') await sleep(40);
        return false;
      },
      { faults: [{ name: 'bos-doubled', rate: 1 }] },
    );
    const out = `${signal}-findings`;
    const running = start(['run', pack, '--target', url, '--out', out], { cwd });
    await untilSeams(join(cwd, out), 10);
    running.child.kill(signal);
    expect(await running.ended).toMatchObject({ status: 130 });
    const { record } = readRun(join(cwd, out));
    expect(record.findings.map(({ cause }) => cause)).toEqual(['bos-doubled']);
    const [finding] = record.findings;
    expect(existsSync(join(cwd, out, 'findings', `${finding?.id}.json`))).toBe(true);
  });

  test.each([
    ['before it is connected', '/props'],
    ['before a first generation is whole', '/v1/chat/completions'],
  ])('%s', async (_when, silent) => {
    let reached = false;
    const url = await behindProxy(({ path }) => {
      if (path === silent) reached = true;
      return path === silent;
    });
    const running = start(['run', pack, '--target', url, '--out', `${signal}-early`], { cwd });
    await until(() => reached, silent);
    const asked = performance.now();
    running.child.kill(signal);
    const ran = await running.ended;
    expect(performance.now() - asked).toBeLessThan(5000);
    expect(ran.status).toBe(130);
    expect(ran.stderr).not.toMatch(/^ {4}at |bug in seamstress/m);
  });
});

test('a second Ctrl-C ends it at once', async () => {
  const url = await slow();
  const running = start(['run', pack, '--target', url, '--out', 'twice'], { cwd });
  await untilSeams(join(cwd, 'twice'), 3);
  running.child.kill('SIGINT');
  running.child.kill('SIGINT');
  await sleep(5);
  running.child.kill('SIGINT');
  expect((await running.ended).status).toBe(130);
});

test('--max-time in the middle of a sweep: inconclusive, with a whole record', async () => {
  const args = ['run', pack, '--target', await slow(), '--max-time', '3s', '--out', 'timed'];
  const ran = await seamstress(args, { cwd });
  expect(ran).toMatchObject({ status: 3 });
  expect(ran.ms).toBeLessThan(10_000);
  const { record } = readRun(join(cwd, 'timed'));
  expect(record.interrupted).toBe('max-time');
  expect(record.totals.verdicts.exact).toBe(record.totals.seams);
  expect(ran.stdout).toContain('stopped at the time limit');
});

test('--max-time before anything is tested: never 0', async () => {
  const url = await behindProxy(({ path }) => path === '/v1/chat/completions');
  const ran = await seamstress(
    ['run', pack, '--target', url, '--max-time', '1s', '--out', 'nothing'],
    { cwd },
  );
  expect(ran.status).toBe(3);
  expect(readRun(join(cwd, 'nothing')).record).toMatchObject({
    interrupted: 'max-time',
    totals: { seams: 0 },
  });
});

/** Dies for good after so many renders. */
async function mortal(renders: number): Promise<string> {
  let left = renders;
  return await behindProxy(({ path, response }) => {
    if (path === '/apply-template') left--;
    if (left < 0) response.destroy();
    return left < 0;
  });
}

describe('a server that dies', () => {
  test('SIGKILL in the middle of a run', async () => {
    const server = start(['serve', '--port', '0', '--json'], { cwd });
    onTestFinished(() => void server.child.kill('SIGKILL'));
    await until(() => server.stdout().includes('\n'), 'the server');
    const { url } = JSON.parse(server.stdout()) as { url: string };
    const running = start(['run', '--target', url, '--seed', '1', '--out', 'killed'], { cwd });
    await untilSeams(join(cwd, 'killed'), 20);
    server.child.kill('SIGKILL');
    const ran = await running.ended;
    expect(ran).toMatchObject({ status: 3 });
    const { record, seams } = readRun(join(cwd, 'killed'));
    expect(record.interrupted).toBe('target-lost');
    expect(record.errors.join('\n')).toMatch(/connection (refused|closed)/);
    expect(record.findings).toEqual([]);
    const { exact, error } = record.totals.verdicts;
    expect(exact).toBeGreaterThanOrEqual(20);
    expect(error).toBeGreaterThan(0);
    expect(exact + error).toBe(record.totals.seams);
    expect(record.totals.seams).toBe(record.plan.seams);
    expect(seams.find(({ verdict }) => verdict === 'error')?.error).toMatch(/connection/);
    expect(ran.stdout).toContain('the target was lost');
  });

  test.each([
    ['sweep', 40],
    ['sweep', 150],
    ['fuzz', 40],
    ['fuzz', 200],
  ])('%s, after %i renders', async (mode, renders) => {
    const out = `mortal-${mode}-${renders}`;
    const args = ['--target', await mortal(renders), '--mode', mode, '--seed', '2', '--out', out];
    const ran = await seamstress(['run', packOf(cwd, ['fruits']), ...args], { cwd });
    const { record } = readRun(join(cwd, out));
    expect(record.totals.verdicts.exact).toBeGreaterThan(0);
    expect(record.totals.verdicts.error).toBeGreaterThan(0);
    expect(record.findings).toEqual([]);
    expect(ran.status).toBe(3);
    expect(record.interrupted).toBe('target-lost');
    expect(record.errors.join('\n')).toMatch(/connection/);
  });

  test('before a first seam: one clear line', async () => {
    const ran = await seamstress(['run', pack, '--target', await mortal(0), '--out', 'stillborn'], {
      cwd,
    });
    expect(ran).toMatchObject({ status: 3, stdout: '' });
    expect(ran.stderr).toMatch(/connection closed/);
    expect(ran.stderr).not.toMatch(/^ {4}at /m);
  });
});

test('an interrupted run can be read by other tools while it runs: every line is whole', async () => {
  const running = start(['run', pack, '--target', await slow(), '--out', 'live'], { cwd });
  await untilSeams(join(cwd, 'live'), 5);
  const text = readFileSync(join(cwd, 'live', 'seams.ndjson'), 'utf8');
  for (const line of text.split('\n').slice(0, -1))
    expect(() => JSON.parse(line) as unknown).not.toThrow();
  running.child.kill('SIGKILL');
  expect((await running.ended).status).toBeNull();
});

test('a second run into the folder of one that is under way is refused, and goes on where that was killed', async () => {
  const target = await slow();
  const args = ['run', pack, '--target', target, '--out', 'shared'];
  const running = start(args, { cwd });
  await untilSeams(join(cwd, 'shared'), 10);
  for (const second of [args, ['run', '--target', target, '--resume', 'shared']]) {
    const ran = await seamstress(second, { cwd });
    expect(ran.status).toBe(2);
    expect(ran.stderr).toContain(`process ${running.child.pid} is writing to shared`);
  }
  running.child.kill('SIGKILL');
  await running.ended;
  expect(existsSync(join(cwd, 'shared', LOCK))).toBe(true);
  const resumed = await seamstress(['run', '--target', target, '--resume', 'shared'], { cwd });
  expect(resumed.status).toBe(0);
  expect(readRun(join(cwd, 'shared')).record.interrupted).toBeUndefined();
  expect(existsSync(join(cwd, 'shared', LOCK))).toBe(false);
});

test('a run that ends before it has begun leaves no lock', async () => {
  const args = ['run', pack, '--target', 'http://127.0.0.1:9', '--out', 'unreached'];
  expect((await seamstress(args, { cwd })).status).toBe(3);
  expect(existsSync(join(cwd, 'unreached', LOCK))).toBe(false);
});
