/** Runs with a gateway that are gone on with, judged again and put together; none is started here. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { startReference } from '../../src/reference/server.ts';
import { poisonedHops } from '../../src/reports/hostile.test-help.ts';
import type { RunRecord } from '../../src/reports/record.ts';
import { packOf, readRun, seamstress, temporaryFolder } from './cli.test-help.ts';

const cwd = temporaryFolder();
const pack = packOf(cwd, ['add']);
const PLAN = ['run', pack, '--seed', '5', '--strategy', 'reasoning-field', '--cuts', '6'];
const HOPS = { ...poisonedHops(() => 'fake'), unreached: undefined, errors: [] };

let url = '';
beforeAll(async () => {
  const server = await startReference();
  url = server.url;
  return () => server.close();
});

function recordOf(folder: string): RunRecord {
  return readRun(join(cwd, folder)).record;
}

function gatewayUntested(folder: string): string[] {
  return recordOf(folder)
    .notTested.filter(({ what }) => what.includes('gateway'))
    .map(({ what, why }) => `${what}: ${why}`);
}

/** As if the gateway had been tested. */
function plant(folder: string, change: Partial<RunRecord> = {}): void {
  const path = join(cwd, folder, 'run.json');
  const record = JSON.parse(readFileSync(path, 'utf8')) as RunRecord;
  const target = { ...record.target, hops: ['fake fake'] };
  writeFileSync(path, JSON.stringify({ ...record, target, hops: HOPS, ...change }));
}

test('a run whose gateway is not tested says so, and analyze and merge say it again', async () => {
  const plan = [...PLAN, '--target', url, '--via', 'litellm'];
  for (const index of [1, 2])
    await seamstress(
      [...plan, '--shard', `${index}/2`, '--max-requests', '100000', '--out', `part-${index}`],
      { cwd },
    );
  const limits = 'what it asks cannot be counted against the limits of the run';
  expect(gatewayUntested('part-1')).toEqual([`resumes through the gateway litellm: ${limits}`]);
  expect(gatewayUntested('part-2')).toEqual([
    'resumes through the gateway litellm: shard 1 tests it',
  ]);
  await seamstress(['analyze', 'part-1', '--out', 'part-1-again'], { cwd });
  expect(gatewayUntested('part-1-again')).toEqual(gatewayUntested('part-1'));
  await seamstress(['merge', 'part-1', 'part-2', '--out', 'merged'], { cwd });
  expect(gatewayUntested('merged')).toHaveLength(1);
  expect(recordOf('merged').hops).toBeUndefined();

  plant('part-1', { notTested: [] });
  for (const [args, out] of [
    [['analyze', 'part-1'], 'planted-again'],
    [['merge', 'part-2', 'part-1'], 'planted-merged'],
  ] as const) {
    const ran = await seamstress([...args, '--out', out], { cwd });
    expect(ran.status).toBe(1);
    expect(ran.stdout).toContain('fake: flags-dropped');
    expect(recordOf(out).hops).toEqual(JSON.parse(JSON.stringify(HOPS)));
    expect(recordOf(out).target.hops).toEqual(['fake fake']);
    expect(gatewayUntested(out)).toEqual([]);
  }
  const shown = await seamstress(['report', 'planted-merged'], { cwd });
  expect(shown.stdout).toContain('hops: client → fake fake → tap → fake');
});

test('going on keeps what was learned of the gateway, and the rest is judged as ever', async () => {
  const all = PLAN.slice(0, -2);
  await seamstress([...all, '--target', url, '--max-requests', '60', '--out', 'early'], { cwd });
  expect(recordOf('early').interrupted).toBe('budget');
  plant('early');
  const ran = await seamstress(['run', '--resume', 'early'], { cwd });
  expect(ran.status).toBe(1);
  expect(ran.stdout).toContain('fake: flags-dropped');
  expect(recordOf('early').interrupted).toBeUndefined();
  expect(recordOf('early').hops).toEqual(JSON.parse(JSON.stringify(HOPS)));
  expect(recordOf('early').target.hops).toEqual(['fake fake']);
});

test('a gateway that nobody knows is refused before anything is run', async () => {
  const ran = await seamstress([...PLAN, '--target', url, '--via', 'nginx', '--out', 'no'], {
    cwd,
  });
  expect(ran).toMatchObject({ status: 2, stdout: '' });
  expect(ran.stderr).toContain('unknown gateway "nginx"');
});
