/** The nightly script for real, and the workflow as far as it can be read. */
import { execFile } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { MAIN, packOf, readRun, seamstress, temporaryFolder } from './cli.test-help.ts';

const cwd = temporaryFolder();
const NIGHTLY = join(import.meta.dirname, '../../reports/nightly');
const run = promisify(execFile);

async function night(...options: string[]): Promise<{ status: number; out: string }> {
  try {
    const { stdout } = await run(join(NIGHTLY, 'nightly.sh'), ['nights', ...options], {
      cwd,
      env: { ...process.env, SEAMSTRESS: `${process.execPath} ${MAIN}`, SHARDS: '2' },
    });
    return { status: 0, out: stdout };
  } catch (error) {
    const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
    return { status: code, out: stdout + stderr };
  }
}

test('two nights: a run each, and what is new is told', async () => {
  const pack = packOf(cwd, ['fruits']);
  const plan = [pack, '--target', 'reference', '--strategy', 'reasoning-field', '--cuts', '12'];
  expect(await night(...plan)).toMatchObject({ status: 0 });
  const worse = await night(...plan, '--fault', 'newline-before-close');
  expect(worse.status).toBe(1);
  expect(worse.out).toContain('separator-rebuilt');
  const nights = readdirSync(join(cwd, 'nights')).filter((name) => /^\d/.test(name));
  expect(nights).toHaveLength(2);
  for (const name of nights)
    expect(readRun(join(cwd, 'nights', name)).record.plan.shard).toBeUndefined();
  const [, second = ''] = nights.toSorted();
  for (const file of ['report.html', 'report.md', 'report.xml', 'diff.md', 'diff.html'])
    expect([file, existsSync(join(cwd, 'nights', second, file))]).toEqual([file, true]);
  expect(existsSync(join(cwd, 'nights/history.html'))).toBe(true);
});

test('a night whose server is dead says so', async () => {
  const { status, out } = await night('--target', 'http://127.0.0.1:9');
  expect(status).not.toBe(0);
  expect(out).toContain('127.0.0.1:9');
});

test('the workflow is YAML whose commands and options exist', async () => {
  const text = readFileSync(join(NIGHTLY, 'github-workflow.yml'), 'utf8');
  const { jobs } = parse(text) as {
    jobs: Record<string, { strategy: { matrix: Record<string, string[]> }; steps: object[] }>;
  };
  expect(jobs['shard']?.strategy.matrix['shard']).toHaveLength(4);
  const engines = jobs['shard']?.strategy.matrix['engine']?.map((name) => name.replace('@', '-'));
  expect(jobs['merge']?.strategy.matrix['engine']).toEqual(engines);
  const used = [
    ...text.replaceAll(/\\\n\s*/g, ' ').matchAll(/seamstress (run|merge|diff) [^\n]*/g),
  ];
  expect(new Set(used.map(([, command]) => command))).toEqual(new Set(['run', 'merge', 'diff']));
  for (const [line, command = ''] of used) {
    const { stdout } = await seamstress([command, '--help'], { cwd });
    for (const [option] of line.matchAll(/--[a-z-]+/g)) expect(stdout).toContain(option);
  }
});
