/** `seamstress tokenizer` as a process: what it prints, and how it ends. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { roundTripTableSchema } from '../../src/tokens/reportSchema.ts';
import type { RoundTripTable } from '../../src/tokens/reportSchema.ts';
import { SAMPLES } from '../../src/tokens/samples.ts';
import {
  expectClear,
  MAIN,
  seamstress,
  start,
  temporaryFolder,
  type Running,
} from './cli.test-help.ts';

const ROOT = join(MAIN, '../../..');
const THINKER = join(ROOT, 'models/thinker/hf');
const LLAMA3 = join(ROOT, 'src/tokens/fixtures/llama3.json');
const cwd = temporaryFolder();

/** The table that `--json` prints, and what it says of the tokenizer. */
function tableOf(stdout: string): { tokenizer: unknown; table: RoundTripTable } {
  const { tokenizer, ...table } = z
    .looseObject({ tokenizer: z.unknown() })
    .parse(JSON.parse(stdout));
  return { tokenizer, table: roundTripTableSchema.parse(table) };
}

describe('texts', () => {
  test('none: the built-in ones, a row for each kind', async () => {
    const { status, stdout, stderr } = await seamstress(['tokenizer', THINKER, '--json'], { cwd });
    expect([status, stderr]).toEqual([1, '']);
    const { tokenizer, table } = tableOf(stdout);
    expect(tokenizer).toMatchObject({ path: THINKER, vocabularySize: 1527 });
    expect(table.kinds.map(({ kind }) => kind)).toEqual(SAMPLES.map(({ kind }) => kind));
    expect(table).toMatchObject({
      basis: 'tokenizer',
      complete: true,
      header: { text: '<|im_start|>assistant\n', canonical: true },
      total: { untested: 0, texts: SAMPLES.length },
    });
    const found = table.total.alone.classes.map((entry) => `${entry.class} ${entry.fault}`);
    expect(found).toEqual(
      expect.arrayContaining(['mid-utf8 cut', 'special-literal ids', 'space-run cut']),
    );
  });

  test('a text that always comes back', async () => {
    const { status, stdout } = await seamstress(['tokenizer', LLAMA3, 'Add 478 and 256.'], { cwd });
    expect(status).toBe(0);
    expect(stdout).toContain('alone: every cut comes back');
  });

  test('one that does not: class, fault, rate, interval and the smallest example', async () => {
    const { status, stdout } = await seamstress(['tokenizer', LLAMA3, 'x   7'], { cwd });
    expect(status).toBe(1);
    expect(stdout.split('\n').map((line) => line.trim().replaceAll(/\s+/g, ' '))).toEqual(
      expect.arrayContaining([
        'text 1 5 4 5 1 = 20.0 % 3.62 %–62.4 % 1 0 1 = 20.0 %',
        'space-run the cut 1 20.0 % 3.62 %–62.4 %',
        'wanted ␠␠│␠ ‖ 7 ids … 256 220',
        'got ␠␠␠ ids … 279',
      ]),
    );
  });

  test('arguments, files and standard input are rows of their own', async () => {
    const file = join(cwd, 'a,b.txt');
    writeFileSync(file, 'From a file 🧵.\n');
    const { child, ended } = start(
      ['tokenizer', THINKER, 'one', '-', '--file', file, '--json', '--header', ''],
      { cwd, stdin: 'pipe' },
    );
    child.stdin?.end('typed\n\n');
    const { status, stdout } = await ended;
    expect(status).toBe(1);
    const { table } = tableOf(stdout);
    expect(table.header).toEqual({ text: '', canonical: true });
    expect(table.kinds.map(({ kind, bytes }) => [kind, bytes])).toEqual([
      ['text 1', 3],
      ['standard input', 7],
      [file, 18],
    ]);
  });

  test('--plain: control tokens as a model writes that quotes them', async () => {
    const text = ['tokenizer', THINKER, 'End <|im_end|>'];
    expect((await seamstress(text, { cwd })).status).toBe(0);
    expect((await seamstress([...text, '--plain'], { cwd })).status).toBe(1);
  });

  test('nothing in a text or a path can move the cursor', async () => {
    const file = join(cwd, 'a\u001B[31m.txt');
    writeFileSync(file, '\u001B[2J🧵\u202E');
    const { stdout } = await seamstress(['tokenizer', LLAMA3, '--file', file], { cwd });
    expect(stdout).toContain('‹U+001B›');
    // oxlint-disable-next-line no-control-regex
    expect(stdout).not.toMatch(/[\u0000-\u0009\u000B-\u001F\u202E]/);
  });
});

describe('wrong usage', () => {
  const cases: [string, () => string[]][] = [
    ['no path', () => ['tokenizer']],
    ['a missing file', () => ['tokenizer', join(cwd, 'none.json')]],
    ['a folder without one', () => ['tokenizer', cwd]],
    [
      'a broken one',
      () => {
        const folder = join(cwd, 'broken');
        mkdirSync(folder, { recursive: true });
        writeFileSync(join(folder, 'tokenizer.json'), readFileSync(LLAMA3, 'utf8').slice(0, 900));
        return ['tokenizer', folder];
      },
    ],
    ['a missing text file', () => ['tokenizer', LLAMA3, '--file', join(cwd, 'none.txt')]],
    [
      'a file that is no text',
      () => {
        const file = join(cwd, 'bytes');
        writeFileSync(file, Buffer.from([0x61, 0xff, 0xfe]));
        return ['tokenizer', LLAMA3, '--file', file];
      },
    ],
  ];
  test.each(cases)('%s', async (_, args) => {
    const { status, stdout, stderr } = await seamstress(args(), { cwd });
    expect([status, stdout]).toEqual([2, '']);
    expectClear(stderr);
  });

  test('the hint says what to give', async () => {
    const { stderr } = await seamstress(['tokenizer', join(cwd, 'none.json')], { cwd });
    expect(stderr).toContain('Give a tokenizer.json or the folder that holds it.');
  });
});

/** Starts a command that reads standard input, and comes back once it does. */
async function reading(args: readonly string[], text: string): Promise<Running> {
  const running = start(args, { cwd, stdin: 'pipe' });
  // More than a pipe holds: it is only taken when the command reads.
  await new Promise((resolve) => running.child.stdin?.write(text, resolve));
  return running;
}

test('an interrupt ends it with 130 and what was finished', async () => {
  // One run without a place to take it apart, which takes minutes.
  const { child, ended, stderr } = await reading(
    ['tokenizer', LLAMA3, 'x   7', '-', '--json'],
    'a'.repeat(400_000),
  );
  child.stdin?.end();
  await sleep(1000);
  expect(child.exitCode).toBeNull();
  child.kill('SIGINT');
  const { status, stdout } = await ended;
  expect(status).toBe(130);
  expect(stderr()).toContain('stopping');
  const { table } = tableOf(stdout);
  expect(table.complete).toBe(false);
  expect(table.kinds.map(({ kind }) => kind)).not.toContain('standard input');
});

test('an interrupt while it waits for standard input', async () => {
  const { child, ended } = await reading(['tokenizer', LLAMA3, '-'], 'a'.repeat(400_000));
  child.kill('SIGINT');
  const { status, stdout, stderr } = await ended;
  expect([status, stdout]).toEqual([130, '']);
  expectClear(stderr);
});
