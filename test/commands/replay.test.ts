/** `seamstress replay`: reproduced, gone or changed, from the finding's file alone. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { serve } from './server.test-help.ts';
import {
  expectClear,
  findingFile,
  packOf,
  readRun,
  seamstress,
  temporaryFolder,
} from './cli.test-help.ts';

const cwd = temporaryFolder();

/** Runs with a fault; gives the path of its first finding. */
async function find(fault: string, more: readonly string[] = []): Promise<string> {
  const pack = packOf(cwd, ['add', 'emoji']);
  const out = fault.replace('@', '-at-');
  const args = ['--target', 'reference', '--fault', fault, '--cuts', '8', '--seed', '9', ...more];
  const ran = await seamstress(['run', pack, ...args, '--out', out], { cwd });
  expect(ran).toMatchObject({ status: 1 });
  const finding = readRun(join(cwd, out)).record.findings[0];
  if (finding === undefined) throw new Error(`no finding with ${fault}`);
  expect(finding.replay.command).toBe(`seamstress replay ${findingFile(out, finding)}`);
  return findingFile(out, finding);
}

describe.each(['newline-before-close', 'prefill-echoed', 'prefill-refused', 'prefill-dropped'])(
  'a finding of %s',
  (fault) => {
    let finding: string;
    beforeAll(async () => {
      finding = await find(fault);
    });

    test('is reproduced by what it came from', async () => {
      const ran = await seamstress(['replay', finding], { cwd });
      expect(ran).toMatchObject({ status: 1 });
      expect(ran.stdout).toMatch(/^reproduced: /);
    });

    test('is gone on a right server', async () => {
      const ran = await seamstress(['replay', finding, '--target', 'reference'], { cwd });
      expect(ran).toMatchObject({ status: 0 });
      expect(ran.stdout).toMatch(/^gone: /);
    });

    test('is another one with another fault', async () => {
      const ran = await seamstress(
        ['replay', finding, '--target', 'reference', '--fault', 'bos-doubled', '--json'],
        { cwd },
      );
      expect(ran).toMatchObject({ status: 1 });
      expect(JSON.parse(ran.stdout)).toMatchObject({
        outcome: 'changed',
        text: expect.stringContaining('bos-doubled') as string,
        target: { engine: { name: 'reference' } },
      });
    });
  },
);

test('a finding of a fault that strikes some requests only is reproduced', async () => {
  const ran = await seamstress(['replay', await find('bos-doubled@0.5')], { cwd });
  expect(ran.stdout).toMatch(/^reproduced: /);
  expect(ran.status).toBe(1);
});

test('a finding of fuzzing is reproduced', async () => {
  const finding = await find('trailing-space-stripped', ['--mode', 'fuzz', '--cases', '60']);
  const ran = await seamstress(['replay', finding], { cwd });
  expect(ran).toMatchObject({ status: 1 });
  expect(ran.stdout).toMatch(/^reproduced: /);
  const clean = await seamstress(['replay', finding, '--target', 'reference'], { cwd });
  expect(clean).toMatchObject({ status: 0 });
});

test('a server that cannot judge it: unusable, status 3', async () => {
  const finding = await find('thinking-reopened');
  const url = await serve((_request, response) => response.writeHead(503).end());
  const ran = await seamstress(['replay', finding, '--target', url], { cwd });
  expect(ran.status).toBe(3);
  expectClear(ran.stderr);
});

describe('what is no finding', () => {
  let whole: string;
  beforeAll(async () => {
    whole = readFileSync(join(cwd, await find('turn-closed')), 'utf8');
  });

  test.each([
    ['is missing', undefined, /cannot read .*finding\.json/],
    ['is empty', () => '', /cannot read .*finding\.json/],
    ['is cut off', (text: string) => text.slice(0, 900), /cannot read .*finding\.json/],
    ['is no record', () => '{"a": 1}', /finding\.json is not a seamstress record: \S+/],
    ['is not even an object', () => 'null', /finding\.json is not a seamstress record/],
    [
      'is from a newer tool',
      (text: string) => text.replace('"schemaVersion": ', '"schemaVersion": 9'),
      /finding\.json was written by a newer seamstress/,
    ],
    [
      'has a strategy that nobody knows',
      (text: string) => text.replaceAll(/"strategy": "[^"]+"/g, '"strategy": "telepathy"'),
      /telepathy/,
    ],
    [
      'cuts beyond its end',
      (text: string) => text.replaceAll(/"k": \d+/g, '"k": 99999'),
      /finding\.json.*cut/,
    ],
  ] as const)('%s', async (_what, change, says) => {
    const file = join(cwd, `${Math.random()}-finding.json`);
    if (change !== undefined) writeFileSync(file, change(whole));
    const ran = await seamstress(['replay', file], { cwd });
    expect(ran).toMatchObject({ status: 2, stdout: '' });
    expect(ran.stderr).toMatch(says);
    expectClear(ran.stderr);
  });

  test('no file at all', async () => {
    const ran = await seamstress(['replay'], { cwd });
    expect(ran.status).toBe(2);
    expect(ran.stderr).toContain("missing required argument 'finding'");
  });
});
