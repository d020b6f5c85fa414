/** `seamstress baseline`: a file of known findings, made from a run and held against one. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { parse } from 'yaml';
import { expectClear, packOf, seamstress, temporaryFolder, type Ended } from './cli.test-help.ts';

const cwd = temporaryFolder();
const FACTS = ['--reason', 'upstream', '--owner', 'https://x.test/1', '--expires', '2999-01-01'];

async function run(out: string, fault?: string): Promise<void> {
  const args = ['run', packOf(cwd, ['add']), '--target', 'reference', '--seed', '3', '--out', out];
  const more = fault === undefined ? [] : ['--fault', fault];
  await seamstress([...args, '--strategy', 'reasoning-field', ...more], { cwd });
}

beforeAll(async () => {
  await run('clean');
  await run('newline', 'newline-before-close');
  await run('bos', 'bos-doubled');
  const made = await seamstress(['baseline', 'newline', ...FACTS], { cwd });
  expect(made).toMatchObject({ status: 0, stderr: '' });
  writeFileSync(join(cwd, 'b.yaml'), made.stdout);
});

const check = (folder: string, file = 'b.yaml'): Promise<Ended> =>
  seamstress(['baseline', folder, '--check', file], { cwd });

function changed(change: (entry: Record<string, unknown>) => void): string {
  const baseline = parse(readFileSync(join(cwd, 'b.yaml'), 'utf8')) as {
    known: [Record<string, unknown>];
  };
  change(baseline.known[0]);
  writeFileSync(join(cwd, 'changed.json'), JSON.stringify(baseline));
  return 'changed.json';
}

test('all known: 0; another finding: 1; both told', async () => {
  const known = await check('newline');
  expect(known).toMatchObject({ status: 0, stdout: 'baseline: 1 known, 0 new\n' });
  const other = await check('bos');
  expect(other.status).toBe(1);
  expect(other.stdout).toMatch(/^ {2}new: bos-doubled-[0-9a-f]{6}$/m);
  expect(other.stdout).toMatch(/^ {2}gone, its entry can be removed: separator-rebuilt/m);
});

test('an expired entry is new again', async () => {
  const ran = await check(
    'newline',
    changed((entry) => (entry['expires'] = '2020-02-29')),
  );
  expect(ran.status).toBe(1);
  expect(ran.stdout).toContain('since its entry has expired');
  expect(ran.stdout).toContain('expired on 2020-02-29: separator-rebuilt');
});

test('a vanished entry is told and does not fail', async () => {
  const ran = await check('clean');
  expect(ran.status).toBe(0);
  expect(ran.stdout).toContain('gone, its entry can be removed: separator-rebuilt');
});

test('an entry for a strategy that was not run knows nothing of it', async () => {
  const ran = await check(
    'clean',
    changed((entry) => (entry['strategy'] = 'content-only')),
  );
  expect(ran.status).toBe(0);
  expect(ran.stdout).toContain('not tested, so nothing is known of it: separator-rebuilt');
});

test.each([
  ['no reason', ['baseline', 'newline', ...FACTS.slice(2)], /a reason, an owner and an expiry/],
  ['no link', ['baseline', 'newline', ...FACTS, '--owner', 'me'], /--owner: expected a link/],
  ['no day', ['baseline', 'newline', ...FACTS, '--expires', '2999-02-30'], /YYYY-MM-DD/],
  ['no run', ['baseline', 'nowhere', ...FACTS], /nowhere/],
  ['no baseline', ['baseline', 'newline', '--check', 'none.yaml'], /cannot read none\.yaml/],
] as const)('wrong usage: %s', async (_what, args, says) => {
  const ran = await seamstress(args, { cwd });
  expect(ran).toMatchObject({ status: 2, stdout: '' });
  expect(ran.stderr).toMatch(says);
  expectClear(ran.stderr);
});

test('a mistake in the file names its line', async () => {
  writeFileSync(join(cwd, 'bad.yaml'), 'version: 1\nknown:\n  - cause: space-rum\n');
  const ran = await check('newline', 'bad.yaml');
  expect(ran).toMatchObject({ status: 2, stdout: '' });
  expect(ran.stderr).toContain(
    'bad.yaml:3:12: known[0].cause: there is no such cause (did you mean "space-run"?)',
  );
});
