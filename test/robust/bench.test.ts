/** The benches still run, on small jobs, and find what they are to find. How fast they do is no test. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';

const ROOT = join(import.meta.dirname, '../..');
const folder = mkdtempSync(join(tmpdir(), 'seamstress-bench-test-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** Runs a bench to its end; `statuses` are the exit statuses that are no failure. */
function bench(name: string, args: readonly string[], statuses: readonly number[] = [0]): string {
  const ran = spawnSync(process.execPath, [join(ROOT, 'bench', `${name}.mjs`), ...args], {
    cwd: ROOT,
    encoding: 'utf8',
    timeout: 240_000,
  });
  expect(statuses, ran.stdout + ran.stderr).toContain(ran.status);
  return ran.stdout;
}

interface Sweep {
  readonly cuts: number;
  readonly generatedTokens: number;
  readonly common: number;
  readonly onlyOwn: number;
  readonly causes: readonly string[];
}

test('naive: the same failing cuts, for fewer tokens', () => {
  const told = bench('naive', ['reference', '--json']);
  const { naive, alone, full } = JSON.parse(told) as Record<'naive' | 'alone' | 'full', Sweep>;
  for (const { common, onlyOwn } of [alone, full]) {
    expect(common).toBeGreaterThan(0);
    expect(onlyOwn).toBe(0);
  }
  expect(alone.generatedTokens).toBeLessThan(full.generatedTokens);
  expect(full.generatedTokens).toBeLessThan(naive.generatedTokens);
});

test.each([
  ['prompts alone', []],
  ['with what the model makes of them', ['--compare', '4']],
])('seams: %s', (_, more) => {
  const told = JSON.parse(bench('seams', ['300', ...more, '--json'])) as Record<string, number>;
  expect(told['seams']).toBeGreaterThan(300);
  expect(told['requests']).toBeGreaterThan(100);
  expect(told['perSecond']).toBeGreaterThan(0);
});

test('undici: both arms read both forms', () => {
  const file = join(folder, 'undici.json');
  // Status 1 says that a ratio is over its goal, which a stream of a moment cannot show.
  bench('undici', ['--rounds', '1', '--only', '1x200,4x100', '--json', file], [0, 1]);
  const rows = JSON.parse(readFileSync(file, 'utf8')) as { ratio: number; tokens: number }[];
  expect(rows.map(({ tokens }) => tokens)).toEqual([200, 100, 200, 100]);
  for (const { ratio } of rows) expect(ratio).toBeGreaterThan(0);
});

test('fuzz: a planted fault is found and made small', () => {
  const file = join(folder, 'fuzz.json');
  bench('fuzz', ['--seeds', '1', '--only', 'inner-space-collapsed', '--json', file]);
  const { rows } = JSON.parse(readFileSync(file, 'utf8')) as {
    rows: { fault: string; tries: { found: number; minimal: number }[] }[];
  };
  expect(rows).toMatchObject([{ fault: 'inner-space-collapsed' }]);
  const [tried] = rows[0]?.tries ?? [];
  expect(tried?.found).toBeGreaterThan(0);
  expect(tried?.minimal).toBeGreaterThanOrEqual(tried?.found ?? Infinity);
});

test('startup: beside node alone', () => {
  expect(bench('startup', ['--rounds', '1'], [0, 1])).toContain('node alone');
});

test('mutants: broken checks are noticed', () => {
  const file = join(folder, 'mutants.json');
  bench('mutants', ['src/checks/count.ts', '--wide', '', '--sample', '4', '--json', file]);
  const { results } = JSON.parse(readFileSync(file, 'utf8')) as { results: unknown[] };
  expect(results).toHaveLength(4);
});
