/** Disks that are full and folders that cannot be written: status 2, one clear line, and what was written can be read. */
import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { journalOf, readRun } from '../../src/reports/emit/source.ts';
import {
  expectClear,
  MAIN,
  packOf,
  seamstress,
  temporaryFolder,
} from '../commands/cli.test-help.ts';

const cwd = temporaryFolder();
const pack = packOf(cwd, ['add', 'emoji', 'fruits']);

/** Runs a command in a shell that was told something first. */
async function under(shell: string, args: readonly string[]): Promise<[number | null, string]> {
  const child = spawn(
    'bash',
    ['-c', `${shell}; exec "$@"`, 'bash', process.execPath, MAIN, ...args],
    {
      cwd,
      stdio: ['ignore', 'ignore', 'pipe'],
      timeout: 100_000,
      killSignal: 'SIGKILL',
    },
  );
  let words = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (words += text));
  const status = await new Promise<number | null>((resolve) => child.once('close', resolve));
  return [status, words.replaceAll(/^(?!seamstress:| {2}).*\n/gm, '')];
}

/** Too small for the first line of a tape, in KiB. */
const SMALLEST = 1;

const limits = spawnSync('bash', ['-c', 'ulimit -f 1']).status === 0;

describe.skipIf(!limits)('a disk that is full after so many KiB', () => {
  test.each([SMALLEST, 4, 8, 16, 32])('%i', async (size) => {
    const out = `full-${size}`;
    const args = ['run', pack, '--target', 'reference', '--seed', '1', '--out', out];
    const [status, words] = await under(`ulimit -f ${size}`, args);
    expect([status, words]).toEqual([2, expect.stringMatching(/cannot write/)]);
    expectClear(words);
    for (const name of ['seams.ndjson', 'tape.bin'])
      expect(statSync(join(cwd, out, name)).size).toBeLessThanOrEqual(size * 1024);
    for (const line of journalOf(join(cwd, out))) expect(line.scenario).toBeTruthy();
    // With room again it goes on, and ends as if nothing had been.
    const ran = await seamstress(['run', '--resume', out], { cwd });
    if (size === SMALLEST) {
      // Not even what the run is found room: it is begun anew.
      expect([ran.status, ran.stderr]).toEqual([2, expect.stringContaining('has no header')]);
      return;
    }
    expect(ran.status).toBe(0);
    await seamstress([...args.slice(0, -1), 'whole'], { cwd });
    expect(readFileSync(join(cwd, out, 'seams.ndjson'), 'utf8')).toBe(
      readFileSync(join(cwd, 'whole', 'seams.ndjson'), 'utf8'),
    );
  });
});

beforeAll(async () => {
  await seamstress(['run', pack, '--target', 'reference', '--cuts', '2', '--out', 'small'], {
    cwd,
  });
});

test.skipIf(!existsSync('/dev/full'))('a report on a full device', async () => {
  for (const kind of ['html', 'markdown', 'json', 'junit']) {
    const args = ['report', 'small', '--report', `${kind}=/dev/full`];
    const ran = await seamstress(args, { cwd });
    expect([ran.status, ran.stderr]).toEqual([
      2,
      expect.stringMatching(/cannot write \/dev\/full/),
    ]);
    expectClear(ran.stderr);
  }
});

describe.skipIf(!existsSync('/dev/full'))('standard output on a full device', () => {
  const run = ['run', pack, '--target', 'reference', '--seed', '1', '--cuts', '2'];

  test.each([
    ['the version', ['--version']],
    ['a run', [...run, '--out', 'printed']],
    ['a record', [...run, '--out', 'printed', '--json']],
    ['a report', ['report', 'small', '--report', 'markdown=-']],
    ['an analysis', ['analyze', 'small', '--json']],
    ['a comparison', ['diff', 'small', 'small']],
  ])('%s', async (_what, args) => {
    const [status, words] = await under('exec > /dev/full', args);
    expect([status, words]).toEqual([2, expect.stringMatching(/cannot write to standard output/)]);
    expectClear(words);
  });

  test('the run itself is whole', () => {
    expect(readRun(join(cwd, 'printed')).record.interrupted).toBeUndefined();
  });
});

test.each([
  ['a report', ['report', 'small', '--report', 'ndjson=-']],
  ['a run', ['run', pack, '--target', 'reference', '--cuts', '2', '--out', 'unread', '--json']],
])('a reader that goes away is no error: %s', async (_what, args) => {
  const child = spawn(process.execPath, [MAIN, ...args], {
    cwd,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  child.stdout.destroy();
  let words = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (words += text));
  const status = await new Promise<number | null>((resolve) => child.once('close', resolve));
  expect([status, words]).toEqual([0, expect.not.stringMatching(/EPIPE|^ {4}at /m)]);
});

const asRoot = process.getuid?.() === 0;
/** Root may write everywhere; nobody may not. */
const canLower = !asRoot || spawnSync('setpriv', ['--version']).status === 0;

test.skipIf(!canLower)('a folder that is read-only', async () => {
  mkdirSync(join(cwd, 'closed'));
  chmodSync(join(cwd, 'closed'), 0o500);
  const args = ['run', pack, '--target', 'reference', '--out', 'closed/run'];
  if (asRoot) chmodSync(cwd, 0o755);
  const nobody = 'exec setpriv --reuid 65534 --regid 65534 --clear-groups "$@"';
  const [status, words] = await under(asRoot ? nobody : ':', args);
  expect([status, words]).toEqual([2, expect.stringMatching(/cannot write to closed\/run/)]);
  expectClear(words);
});
