/** `seamstress report --history`: runs over time, one row an engine. */
import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import type { History } from '../../src/reports/history/history.ts';
import { expectClear, packOf, readRun, seamstress, temporaryFolder } from './cli.test-help.ts';

const cwd = temporaryFolder();
const runs = join(cwd, 'runs');

/** A run that is told to have begun at another time on another engine. */
function copy(from: string, to: string, startedAt: string, engine: object): void {
  const record = JSON.parse(readFileSync(join(cwd, from, 'run.json'), 'utf8')) as {
    target: object;
  };
  mkdirSync(join(runs, to), { recursive: true });
  const target = { ...record.target, engine };
  writeFileSync(join(runs, to, 'run.json'), JSON.stringify({ ...record, startedAt, target }));
}

const llama = (build: string): object => ({
  name: 'llama.cpp',
  version: `2026.1.${build}`,
  build,
});

beforeAll(async () => {
  const args = ['run', packOf(cwd, ['add']), '--target', 'reference', '--seed', '3'];
  const one = [...args, '--strategy', 'reasoning-field'];
  await seamstress([...one, '--out', 'clean'], { cwd });
  await seamstress([...one, '--fault', 'newline-before-close', '--out', 'faulty'], { cwd });
  copy('faulty', 'c', '2026-03-03T03:00:00.000Z', llama('b3'));
  copy('clean', 'a', '2026-03-01T03:00:00.000Z', llama('b1'));
  copy('clean', 'nested/b', '2026-03-02T03:00:00.000Z', llama('b2'));
  copy('clean', 'v', '2026-03-02T03:00:00.000Z', { name: 'vllm', version: '0.32.0' });
  symlinkSync('c', join(runs, 'latest'));
  mkdirSync(join(runs, 'foreign/deep'), { recursive: true });
  writeFileSync(join(runs, 'foreign/notes.txt'), 'x');
  mkdirSync(join(runs, 'broken'));
  writeFileSync(join(runs, 'broken/run.json'), '{"schemaVersion": 1');
  mkdirSync(join(runs, 'unended'));
  writeFileSync(join(runs, 'unended/seams.ndjson'), '');
  mkdirSync(join(runs, 'newer'));
  writeFileSync(join(runs, 'newer/run.json'), '{"schemaVersion": 99}');
});

async function historyOf(folder: string): Promise<History> {
  const ran = await seamstress(['report', '--history', folder, '--json'], { cwd });
  expect(ran).toMatchObject({ status: 0, stderr: '' });
  return JSON.parse(ran.stdout) as History;
}

test('one row an engine, its runs oldest first, the link not counted twice', async () => {
  const { rows } = await historyOf('runs');
  expect(rows.map(({ engine, runs: all }) => [engine, all.map(({ folder }) => folder)])).toEqual([
    ['llama.cpp', ['a', join('nested', 'b'), 'c']],
    ['vllm', ['v']],
  ]);
  const { record } = readRun(join(cwd, 'faulty'));
  expect(rows[0]?.findings).toHaveLength(1);
  expect(rows[0]?.runs.map(({ findings }) => Object.values(findings))).toEqual([
    [],
    [],
    [record.findings[0]?.count],
  ]);
  expect(rows[0]?.runs.map(({ exact }) => exact === 1)).toEqual([true, true, false]);
});

test('what is no run is skipped and named', async () => {
  const { skipped } = await historyOf('runs');
  const why = Object.fromEntries(skipped.map((one) => [one.folder, one.why]));
  expect(Object.keys(why).toSorted()).toEqual([
    'broken',
    join('foreign', 'deep'),
    'newer',
    'unended',
  ]);
  expect(why['broken']).toContain('cannot read');
  expect(why['newer']).toContain('newer seamstress');
  expect(why['unended']).toContain('has not ended');
});

test('for a terminal and as a page', async () => {
  const ran = await seamstress(
    ['report', '--history', 'runs', '--report', 'html=h.html', '--report', 'terminal=-'],
    { cwd },
  );
  expect(ran).toMatchObject({ status: 0, stderr: '' });
  expect(ran.stdout).toMatch(/^llama\.cpp · .* · 3 runs$/m);
  expect(ran.stdout).toMatch(/^ {2}separator-rebuilt-[0-9a-f]{6} +··■ +0 → \d+ seams$/m);
  expect(ran.stdout).toMatch(/2026-03-03 03:00 b3: came separator-rebuilt/);
  const page = readFileSync(join(cwd, 'h.html'), 'utf8');
  expect(page).toContain("default-src 'none'");
  expect(page.match(/<h2 id="engine-/g)).toHaveLength(2);
  expect(page).toContain('2026-03-02');
  expect(page).not.toMatch(/(?:src|href)="(?!#)/);
});

test('the folder of one run is a history of one', async () => {
  cpSync(join(cwd, 'clean'), join(cwd, 'alone'), { recursive: true });
  const { rows } = await historyOf('alone');
  expect(rows.map((row) => row.runs.map(({ folder }) => folder))).toEqual([['.']]);
});

test.each([
  ['no folder', ['--history', 'nowhere'], /nowhere is not a folder/],
  ['no run in it', ['--history', 'runs/foreign'], /there is no run in runs\/foreign/],
  ['a run besides', ['clean', '--history', 'runs'], /not both/],
  ['neither', [], /missing required argument 'run'/],
  ['another report', ['--history', 'runs', '--report', 'junit=x'], /no report of a history/],
] as const)('wrong usage: %s', async (_what, args, says) => {
  const ran = await seamstress(['report', ...args], { cwd });
  expect(ran).toMatchObject({ status: 2, stdout: '' });
  expect(ran.stderr).toMatch(says);
  expectClear(ran.stderr);
});
