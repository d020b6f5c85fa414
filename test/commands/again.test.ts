/** Runs that are gone on with, judged again, and put together from shards. */
import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, describe, expect, test } from 'vitest';
import { startReference } from '../../src/reference/server.ts';
import type { RunRecord } from '../../src/reports/record.ts';
import { answer, behindProxy } from './server.test-help.ts';
import {
  expectClear,
  packOf,
  readRun,
  seamstress,
  start,
  temporaryFolder,
  untilSeams,
} from './cli.test-help.ts';

const cwd = temporaryFolder();
const pack = packOf(cwd, ['add', 'fruits']);
const FAULTS = ['newline-before-close', 'spaces-merged'] as const;
const PLAN = [
  'run',
  pack,
  '--seed',
  '5',
  '--strategy',
  'reasoning-field',
  '--strategy',
  'raw-text',
];

/** One server for all runs: requests tell its address. */
let url = '';
beforeAll(async () => {
  const server = await startReference({ faults: FAULTS.map((name) => ({ name, rate: 1 })) });
  url = server.url;
  return () => server.close();
});

/** A record without what depends on the time and the place. */
function timeless(folder: string): unknown {
  const { record } = readRun(join(cwd, folder));
  const text = JSON.stringify(
    {
      ...record,
      startedAt: '',
      finishedAt: '',
      totals: { ...record.totals, seconds: 0, requests: 0, promptTokens: 0, generatedTokens: 0 },
      cache: record.cache.map((row) => ({ ...row, warmFirstEventMs: 0, coldFirstEventMs: 0 })),
    } satisfies RunRecord,
    undefined,
    1,
  );
  return JSON.parse(text.replaceAll(`${folder}/findings`, 'RUN/findings'));
}

function journal(folder: string): string {
  return readFileSync(join(cwd, folder, 'seams.ndjson'), 'utf8');
}

function changed(folder: string, change: (lines: string[]) => void): void {
  const lines = journal(folder).split('\n');
  change(lines);
  writeFileSync(join(cwd, folder, 'seams.ndjson'), lines.join('\n'));
}

describe('analyze', () => {
  beforeAll(async () => {
    expect(await seamstress([...PLAN, '--target', url, '--out', 'whole'], { cwd })).toMatchObject({
      status: 1,
    });
  });

  test('gives the same record without a server', async () => {
    const ran = await seamstress(['analyze', 'whole', '--out', 'analyzed'], { cwd });
    expect(ran).toMatchObject({ status: 1, stderr: '' });
    expect(ran.stdout).toContain('every seam is judged as it was');
    expect(timeless('analyzed')).toEqual(timeless('whole'));
    expect(journal('analyzed')).toBe(journal('whole'));
  });

  test('says which seams are judged otherwise than they were', async () => {
    mkdirSync(join(cwd, 'other'));
    for (const name of ['run.json', 'seams.ndjson', 'tape.bin'])
      copyFileSync(join(cwd, 'whole', name), join(cwd, 'other', name));
    changed('other', (lines) => {
      lines[3] = (lines[3] ?? '').replace(/"verdict":"[a-z]+"/, '"verdict":"unstable"');
    });
    const ran = await seamstress(['analyze', 'other', '--json'], { cwd });
    const { changed: list, missing } = JSON.parse(ran.stdout) as {
      changed: { was: string }[];
      missing: number;
    };
    expect(list).toHaveLength(1);
    expect(list[0]?.was).toMatch(/^unstable/);
    expect(missing).toBe(0);
  });

  test.each([
    ['a folder that is not there', 'nowhere'],
    ['a run without a tape', 'tapeless'],
    ['a tape of nonsense', 'nonsense'],
  ])('refuses %s', async (_, folder) => {
    if (folder !== 'nowhere') {
      mkdirSync(join(cwd, folder));
      for (const name of ['run.json', 'seams.ndjson'])
        copyFileSync(join(cwd, 'whole', name), join(cwd, folder, name));
    }
    if (folder === 'nonsense') writeFileSync(join(cwd, folder, 'tape.bin'), 'not a tape');
    const ran = await seamstress(['analyze', folder], { cwd });
    expect(ran).toMatchObject({ status: 2, stdout: '' });
    expectClear(ran.stderr);
  });
});

describe('run --resume', () => {
  test.each([
    ['SIGKILL', 'sweep', []],
    ['SIGINT', 'sweep', []],
    ['SIGKILL', 'fuzz', ['--mode', 'fuzz', '--cases', '80']],
  ] as const)('after %s of a %s ends with the same record', async (signal, mode, more) => {
    const name = `${signal}-${mode}`;
    const slow = await behindProxy(
      async ({ path }) => {
        if (path === '/apply-template') await sleep(mode === 'fuzz' ? 40 : 15);
        return false;
      },
      { faults: FAULTS.map((fault) => ({ name: fault, rate: 1 })) },
    );
    const plan = [...PLAN, ...more];
    await seamstress([...plan, '--target', slow, '--out', `${name}-whole`], { cwd });
    // Killed twice: a run that was gone on with can be gone on with again.
    for (const [i, seams] of (mode === 'fuzz' ? [8, 20] : [20, 45]).entries()) {
      const args = i === 0 ? [...plan, '--target', slow, '--out', name] : ['run', '--resume', name];
      const running = start(args, { cwd });
      await untilSeams(join(cwd, name), seams);
      await sleep(300 * (i + 1));
      running.child.kill(signal);
      await running.ended;
    }
    const ran = await seamstress(['run', '--resume', name], { cwd });
    expect(ran.status).toBe(1);
    expect(journal(name)).toBe(journal(`${name}-whole`));
    expect(timeless(name)).toEqual(timeless(`${name}-whole`));
  });

  test('refuses a run that ended by itself, another plan, another server, and a folder without a run', async () => {
    const refused = async (...args: string[]): Promise<string> => {
      const ran = await seamstress(['run', ...args], { cwd });
      expect(ran).toMatchObject({ status: 2, stdout: '' });
      expectClear(ran.stderr);
      return ran.stderr;
    };
    expect(await refused('--resume', 'whole')).toContain('was not interrupted');
    expect(await refused('--resume', 'whole', '--seed', '9')).toContain('keeps the plan');
    expect(await refused('--resume', 'whole', pack)).toContain('keeps the plan');
    expect(await refused('--resume', 'nowhere')).toContain('no tape');
    rmSync(join(cwd, 'early'), { recursive: true, force: true });
    const running = start([...PLAN, '--target', url, '--out', 'early'], { cwd });
    await untilSeams(join(cwd, 'early'), 1);
    running.child.kill('SIGKILL');
    await running.ended;
    const other = await behindProxy(async ({ path, response }) => {
      if (path !== '/props') return false;
      const props = (await (await fetch(`${url}/props`)).json()) as { chat_template: string };
      return answer(response, 200, { ...props, chat_template: `${props.chat_template} ` });
    });
    expect(await refused('--resume', 'early', '--target', other)).toContain('chat template');
  });
});

describe('shards', () => {
  const shards = [1, 2, 3].map((index) => `shard-${index}`);
  beforeAll(async () => {
    for (const [i, out] of shards.entries())
      await seamstress([...PLAN, '--target', url, '--shard', `${i + 1}/3`, '--out', out], { cwd });
  });

  test('are even, share no seam, and merge into the run that one machine gives', async () => {
    const whole = readRun(join(cwd, 'whole')).seams;
    const parts = shards.map((name) => readRun(join(cwd, name)).seams);
    // Up to 64 seams of one generation and strategy are judged together.
    for (const part of parts)
      expect(Math.abs(part.length - whole.length / shards.length)).toBeLessThan(64);
    expect(parts.reduce((total, part) => total + part.length, 0)).toBe(whole.length);
    const merged = await seamstress(['merge', ...shards.toReversed(), '--out', 'merged'], { cwd });
    expect(merged.status).toBe(1);
    expect(journal('merged')).toBe(journal('whole'));
    expect(timeless('merged')).toEqual(timeless('whole'));
  });

  test('say what they did not test', () => {
    const { record } = readRun(join(cwd, 'shard-2'));
    expect(record.plan.shard).toEqual({ index: 2, of: 3 });
    expect(record.notTested.map(({ what }) => what)).toContain('the other shards');
  });

  test('of fuzzed cases merge too', async () => {
    const plan = [...PLAN, '--mode', 'fuzz', '--cases', '40', '--target', url];
    await seamstress([...plan, '--out', 'fuzz-whole'], { cwd });
    for (const index of [1, 2])
      await seamstress([...plan, '--shard', `${index}/2`, '--out', `fuzz-${index}`], { cwd });
    await seamstress(['merge', 'fuzz-1', 'fuzz-2', '--out', 'fuzz-merged'], { cwd });
    expect(journal('fuzz-merged')).toBe(journal('fuzz-whole'));
    expect(timeless('fuzz-merged')).toEqual(timeless('fuzz-whole'));
  });

  test('are refused when one is missing, doubled, foreign or no shard', async () => {
    await seamstress(
      [
        'run',
        pack,
        '--seed',
        '6',
        '--cuts',
        '3',
        '--target',
        url,
        '--shard',
        '3/3',
        '--out',
        'foreign',
      ],
      { cwd },
    );
    for (const [folders, words] of [
      [['shard-1', 'shard-3'], 'shard 2 of 3 is missing'],
      [['shard-1', 'shard-2', 'shard-2'], 'the same shard'],
      [['shard-1', 'shard-2', 'foreign'], 'another run'],
      [['whole'], 'not a shard'],
    ] as const) {
      const ran = await seamstress(['merge', ...folders, '--out', 'never'], { cwd });
      expect(ran).toMatchObject({ status: 2, stdout: '' });
      expect(ran.stderr).toContain(words);
      expectClear(ran.stderr);
    }
  });

  test.each(['0/3', '4/3', 'x', '1/0', '1'])('--shard %s is refused', async (text) => {
    const ran = await seamstress(['run', '--target', url, '--shard', text, '--seed', '1'], { cwd });
    expect(ran.status).toBe(2);
  });

  test('--shard without --seed is refused', async () => {
    const ran = await seamstress(['run', '--target', url, '--shard', '1/2'], { cwd });
    expect(ran.status).toBe(2);
    expect(ran.stderr).toContain('--seed');
  });
});
