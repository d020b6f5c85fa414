/** `seamstress report`: the reports of stored runs, as a process. */
import { execFileSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  readFileSync,
  readdirSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { expectClear, packOf, readRun, seamstress, temporaryFolder } from './cli.test-help.ts';

const cwd = temporaryFolder();
const RUN = join(import.meta.dirname, '../records/llama.cpp-b8929');

/** A copy of the run that may be spoilt. */
function copy(name: string): string {
  cpSync(RUN, join(cwd, name), { recursive: true });
  return name;
}

test('every kind at once, and one on standard output', async () => {
  const kinds = ['html', 'markdown', 'summary', 'junit', 'json', 'ndjson', 'terminal'];
  const ran = await seamstress(
    [
      'report',
      RUN,
      '--report',
      'github=-',
      ...kinds.flatMap((kind) => ['--report', `${kind}=out.${kind}`]),
    ],
    { cwd },
  );
  expect(ran).toMatchObject({ status: 0, stderr: '' });
  expect(ran.stdout.trimEnd().split('\n')).toHaveLength(3);
  expect(ran.stdout).toMatch(/^::error title=seamstress%3A llama\.cpp b8929/);
  const text = (kind: string): string => readFileSync(join(cwd, `out.${kind}`), 'utf8');
  expect(text('html')).toContain('Content-Security-Policy');
  expect(text('markdown')).toContain('prefill-refused-thinking');
  expect(text('junit')).toContain('<testsuites');
  expect(text('terminal')).toContain('2 findings');
  expect(text('ndjson').trimEnd().split('\n')).toHaveLength(1381 + 2 + 3);
  expect((JSON.parse(text('json')) as { findings: unknown[] }).findings).toHaveLength(2);
});

test('without --report it prints the summary; --json prints the record', async () => {
  const summary = await seamstress(['report', RUN], { cwd });
  expect(summary).toMatchObject({ status: 0, stderr: '' });
  expect(summary.stdout).toContain('prefill-refused-thinking');
  const json = await seamstress(['report', join(RUN, 'run.json'), '--json'], { cwd });
  expect(json.status).toBe(0);
  expect(JSON.parse(json.stdout)).toMatchObject({ schemaVersion: 1, cache: [] });
});

test('of a run that was just made', async () => {
  const made = await seamstress(
    [
      'run',
      packOf(cwd, ['add']),
      '--target=reference',
      '--fault=prefill-echoed',
      '--cuts=4',
      '--strategy=reasoning-field',
      '--out=made',
    ],
    { cwd },
  );
  expect(made.status).toBe(1);
  const ran = await seamstress(
    ['report', 'made', '--report', 'html=made.html', '--report', 'ndjson=-'],
    { cwd },
  );
  expect(ran).toMatchObject({ status: 0, stderr: '' });
  const { record, seams } = readRun(join(cwd, 'made'));
  const events = ran.stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as { kind: string });
  expect(events.filter((event) => event.kind === 'seam')).toHaveLength(seams.length);
  expect(events.at(-1)).toMatchObject({ kind: 'finished' });
  const html = readFileSync(join(cwd, 'made.html'), 'utf8');
  for (const finding of record.findings) expect(html).toContain(finding.cause);
  expect(html).toContain('The captured stream');
});

test('a reader that stops reading is no error', () => {
  const out = execFileSync(
    'sh',
    [
      '-c',
      '"$0" "$1" report "$2" --report ndjson=- | head -n 2',
      process.execPath,
      join(import.meta.dirname, '../../dist/cli/main.js'),
      RUN,
    ],
    { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] },
  );
  expect(out.trimEnd().split('\n')).toHaveLength(2);
});

test('a run says before it begins that a report could not be written', async () => {
  const args = ['run', '--target', 'reference', '--cuts', '1', '--seed', '1'];
  const wrong = ['--out', 'early', '--report', 'html=nowhere/x.html'];
  const ran = await seamstress([...args, ...wrong], { cwd });
  expect(ran).toMatchObject({ status: 2, stdout: '' });
  expect(ran.stderr).toMatch(/cannot write nowhere\/x.html/);
  expectClear(ran.stderr);
  expect(existsSync(join(cwd, 'early', 'run.json'))).toBe(false);
  const inside = ['--out', 'early', '--report', 'html=early/x.html'];
  const pack = packOf(cwd, ['add']);
  expect(await seamstress(['run', pack, ...args.slice(1), ...inside], { cwd })).toMatchObject({
    status: 0,
  });
  expect(existsSync(join(cwd, 'early', 'x.html'))).toBe(true);
  const again = await seamstress(['run', pack, ...args.slice(1), '--out', 'early'], { cwd });
  expect(again.stderr).toContain('early holds a run, which will be replaced');
});

describe('refuses', () => {
  test.each([
    [
      'an unknown kind, with the list',
      ['--report', 'pdf=x'],
      /no report "pdf".*\n.*html, markdown, github, summary, junit, json, ndjson, terminal/,
    ],
    ['a kind without a path', ['--report', 'html'], /needs a path/],
    ['two for one path', ['--report', 'html=x', '--report', 'json=x'], /two reports would go to x/],
    ['a path in no folder', ['--report', 'html=nowhere/x'], /cannot write nowhere\/x/],
  ])('%s', async (_what, args, says) => {
    const ran = await seamstress(['report', RUN, ...args], { cwd });
    expect(ran).toMatchObject({ status: 2, stdout: '' });
    expect(ran.stderr).toMatch(says);
    expectClear(ran.stderr);
    expect(existsSync(join(cwd, 'x'))).toBe(false);
  });

  test.each([
    [
      'no run',
      (run: string) => writeFileSync(join(run, 'run.json'), '{"a":1}'),
      /not a seamstress record/,
    ],
    ['half a record', (run: string) => truncateSync(join(run, 'run.json'), 5000), /cannot read/],
    [
      'a record without an end',
      (run: string) => truncateSync(join(run, 'run.json'), 2 ** 31),
      /too large/,
    ],
    [
      'a newer record',
      (run: string) => change(run, '"schemaVersion": 1', '"schemaVersion": 99'),
      /written by a newer seamstress/,
    ],
    [
      'a finding named like a path',
      (run: string) => change(run, '"id": "markup-leaked-225a38"', '"id": "../../../tmp/x"'),
      /findings\.1\.id/,
    ],
  ])('%s', async (name, spoil, says) => {
    const run = copy(`spoilt ${name}`);
    spoil(join(cwd, run));
    const before = readdirSync(cwd);
    const ran = await seamstress(['report', run, '--report', 'html=spoilt.html'], { cwd });
    expect(ran).toMatchObject({ status: 2, stdout: '' });
    expect(ran.stderr).toMatch(says);
    expectClear(ran.stderr);
    expect(readdirSync(cwd)).toEqual(before);
  });

  test('nesting without an end, whatever the report', async () => {
    const run = copy('nested');
    change(join(cwd, run), '"deltas": [', `"deltas": [${'['.repeat(60_000)}${']'.repeat(60_000)},`);
    for (const kind of ['html', 'markdown', 'junit', 'github', 'json']) {
      const ran = await seamstress(['report', run, '--report', `${kind}=nested.${kind}`], { cwd });
      expect([kind, ran.status, ran.stdout]).toEqual([kind, 2, '']);
      expect(ran.stderr).toMatch(/too deeply nested/);
      expectClear(ran.stderr);
    }
  });
});

function change(run: string, from: string, to: string): void {
  const file = join(run, 'run.json');
  const text = readFileSync(file, 'utf8');
  expect(text).toContain(from);
  writeFileSync(file, text.replace(from, to));
}
