/** `seamstress bisect` over builds that are made here: the embedded server, with a fault from one on. */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import type { Bisection, BisectStep } from '../../src/campaign/bisect.ts';
import {
  expectClear,
  findingFile,
  MAIN,
  packOf,
  readRun,
  seamstress,
  start,
  temporaryFolder,
  until,
} from './cli.test-help.ts';

const cwd = temporaryFolder();
let pack: string;

/** Builds v1 to v9: v3 and v4 do not start, v5 and later have a fault; v9 has another one besides. */
beforeAll(() => {
  pack = packOf(cwd, ['add']);
  writeFileSync(
    join(cwd, 'build.sh'),
    [
      'case $1 in v3|v4) echo "no such luck" >&2; exit 1;; esac',
      'case $1 in v1|v2) fault=;; v9) fault="--fault newline-before-close --fault bos-doubled";; *) fault="--fault newline-before-close";; esac',
      `exec ${process.execPath} ${MAIN} serve --port $2 $fault`,
    ].join('\n'),
  );
});

const BUILDS = ['--versions', 'v1,v2,v3,v4,v5,v6,v7,v8,v9'];
const COMMAND = ['--command', 'sh ./build.sh {version} {port}'];

type Log = Partial<Bisection> & { readonly steps: readonly BisectStep[] };

function bisectArgs(good: string, bad: string, finding: string, out: string): string[] {
  const ends = ['--good', good, '--bad', bad, '--finding', finding];
  return ['bisect', ...BUILDS, ...COMMAND, '--scenario', pack, ...ends, '--out', out];
}

const logIn = (out: string): Log =>
  JSON.parse(readFileSync(join(cwd, out, 'bisect.json'), 'utf8')) as Log;

function servers(): string[] {
  return execFileSync('ps', ['-eo', 'args'], { encoding: 'utf8' })
    .split('\n')
    .filter((line) => line.includes('serve --port') && line.includes('newline-before-close'));
}

test('the first bad build, past builds that do not start', async () => {
  const args = bisectArgs('v1', 'v8', 'separator-rebuilt', 'first-bad');
  const ran = await seamstress([...args, '--json'], { cwd });
  const log = JSON.parse(ran.stdout) as Log;
  expect(log).toMatchObject({ looksFor: 'first-bad', last: 'v2', first: 'v5' });
  expect(log.skipped).toEqual(['v3', 'v4']);
  // A range is no single answer.
  expect(ran.status).toBe(3);
  const skips = log.steps.filter(({ outcome }) => outcome === 'skip');
  expect(skips.map(({ version }) => version).toSorted()).toEqual(['v3', 'v4']);
  expect(skips[0]?.why).toContain('ended with status 1');
  expect(logIn('first-bad').steps).toEqual(log.steps);
  expect(readRun(join(cwd, 'first-bad', 'v5')).record.findings[0]?.cause).toBe('separator-rebuilt');
});

test('a finding’s file is judged again; good may be the newer end', async () => {
  const run = ['run', pack, '--target', 'reference', '--fault', 'bos-doubled', '--seed', '1'];
  await seamstress([...run, '--strategy', 'reasoning-field', '--out', 'bos'], { cwd });
  const { record } = readRun(join(cwd, 'bos'));
  const finding = record.findings.find(({ cause }) => cause === 'bos-doubled');
  if (finding === undefined) throw new Error('no finding of the fault');
  const args = bisectArgs('v7', 'v9', findingFile('bos', finding), 'newer');
  const ran = await seamstress(args, { cwd });
  expect(ran.stdout).toMatch(/^first bad build: v9; last good build: v8$/m);
  expect(ran.status).toBe(0);
  expect(logIn('newer').steps.map(({ version }) => version)).toEqual(['v9', 'v7', 'v8']);

  const backwards = bisectArgs('v9', 'v6', findingFile('bos', finding), 'backwards');
  expect(await seamstress(backwards, { cwd })).toMatchObject({ status: 2, stdout: '' });
});

test('first good build, an end that does not start, and no server left', async () => {
  // Older builds to the right: the fault goes away.
  const args = bisectArgs('v1', 'v7', 'separator-rebuilt', 'first-good');
  args[args.indexOf('--versions') + 1] = 'v4,v7,v6,v2,v1';
  args[args.indexOf('--bad') + 1] = 'v4';
  const ran = await seamstress(args, { cwd });
  expect(ran.stdout).toMatch(/^first good build: v2; last bad build: v6$/m);
  expect(ran.status).toBe(0);
  expect(logIn('first-good').steps[0]).toMatchObject({ version: 'v4', outcome: 'skip' });
  expect(servers()).toEqual([]);
});

describe('ends that are not as said', () => {
  test.each([
    ['good is bad', 'v6', 'v8', 2, /the good build v6 shows the finding too: at \d+ of \d+ seams/],
    ['bad is good', 'v8', 'v1', 2, /the bad build v1 does not show the finding: at none of/],
    ['no build', 'v1', 'v11', 2, /there is no build v11/],
    ['the same', 'v1', 'v1', 2, /are the same/],
    ['nothing starts', 'v3', 'v4', 3, /none of the builds can be tested/],
  ] as const)('%s', async (what, good, bad, status, says) => {
    const out = what.replaceAll(' ', '-');
    const ran = await seamstress(bisectArgs(good, bad, 'separator-rebuilt', out), { cwd });
    expect(ran).toMatchObject({ status, stdout: '' });
    expect(ran.stderr).toMatch(says);
  });
});

test.each([
  ['an unknown finding', ['--finding', 'separator-rebuild'], /no cause.*\n.*separator-rebuilt/],
  ['both sources', ['--engine', 'llama.cpp'], /either --engine or --command/],
  ['an unknown strategy', ['--strategy', 'telepathy'], /telepathy/],
] as const)('wrong usage: %s', async (_what, more, says) => {
  const args = bisectArgs('v1', 'v8', 'separator-rebuilt', 'wrong');
  const ran = await seamstress([...args, ...more], { cwd });
  expect(ran).toMatchObject({ status: 2, stdout: '' });
  expect(ran.stderr).toMatch(says);
  expectClear(ran.stderr);
});

test('the build command runs before each start; its failure skips', async () => {
  const args = bisectArgs('v1', 'v6', 'separator-rebuilt', 'built');
  const build = ['--build', 'echo {version} >> built.txt; test {version} != v2'];
  const ran = await seamstress([...args, ...build], { cwd });
  expect(ran.status).toBe(3);
  const { last, first, skipped, steps } = logIn('built');
  expect({ last, first, skipped }).toEqual({
    last: 'v1',
    first: 'v5',
    skipped: ['v2', 'v3', 'v4'],
  });
  const built = readFileSync(join(cwd, 'built.txt'), 'utf8').trim().split('\n');
  expect(built).toEqual(steps.map(({ version }) => version));
});

test('Ctrl-C: status 130, the steps so far are kept, and no server is left', async () => {
  const running = start(bisectArgs('v1', 'v8', 'separator-rebuilt', 'stopped'), { cwd });
  await until(() => /^ {2}1 {2}v8/m.test(running.stderr()), 'the first step');
  running.child.kill('SIGINT');
  const ended = await running.ended;
  expect(ended).toMatchObject({ status: 130, stdout: '' });
  const log = logIn('stopped');
  expect(log.steps[0]).toMatchObject({ version: 'v8', outcome: 'present' });
  expect(log.first).toBeUndefined();
  expect(servers()).toEqual([]);
  expect(existsSync(join(cwd, 'stopped', 'v8', 'run.json'))).toBe(true);
});
