/** The main job on real llama.cpp builds from the package index, by the command line. */
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, symlinkSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { llamacpp } from '../../src/dialects/llamacpp.ts';
import { cacheFolder } from '../../src/engines/cache.ts';
import { startReference } from '../../src/reference/server.ts';
import { loadScenarios } from '../../src/scenario/load.ts';
import { requestOf } from '../../src/seam/generate.ts';
import {
  findingFile,
  packOf,
  readRun,
  seamstress,
  start,
  until,
  untilSeams,
  wrongPrompts,
  type Left,
} from '../commands/cli.test-help.ts';

const OLD = 'llama.cpp@2026.4.8929';
const LAUNCHER = join(import.meta.dirname, '../../src/engines/llamacpp_server.py');
const cwd = mkdtempSync(join(tmpdir(), 'seamstress-run-'));

// The user's own cache behind a path of ours, so that our processes can be told from others'.
const cache = join(cwd, 'cache');
const env = { SEAMSTRESS_CACHE: cache };
beforeAll(() => {
  const engines = join(cacheFolder(), 'engines');
  mkdirSync(engines, { recursive: true });
  mkdirSync(cache);
  symlinkSync(engines, join(cache, 'engines'));
});
afterAll(() => rm(cwd, { recursive: true, force: true }));

/** Command lines of living servers of ours. */
async function servers(): Promise<string[]> {
  const { stdout } = await promisify(execFile)('ps', ['-eo', 'args'], { maxBuffer: 1e8 });
  return stdout.split('\n').filter((line) => line.includes(cache));
}

async function expectNoServer(): Promise<void> {
  for (let i = 0; i < 50 && (await servers()).length > 0; i++) await sleep(100);
  expect(await servers()).toEqual([]);
}

function causesOf({ record }: Left): string[] {
  return record.findings.map(({ cause }) => cause);
}

describe('the newest build', () => {
  let left: Left;

  test('every cut has a verdict; the record says what was tested; the real findings are there', async () => {
    const ran = await seamstress(
      [
        'run',
        '--engine',
        'llama.cpp',
        '--mode',
        'sweep',
        '--cuts',
        'all',
        '--json',
        '--seed',
        '1',
        '--out',
        'new',
      ],
      { cwd, env, timeoutMs: 590_000 },
    );
    expect(ran.status).toBe(1);
    left = readRun(join(cwd, 'new'));
    const { record, seams } = left;
    expect(JSON.parse(ran.stdout)).toEqual(
      JSON.parse(readFileSync(join(cwd, 'new', 'run.json'), 'utf8')),
    );
    expect(record.errors).toEqual([]);
    expect(record.totals.seams).toBe(record.plan.seams);
    expect(record.totals.verdicts).toMatchObject({ unstable: 0, error: 0 });
    for (const id of record.plan.scenarios) {
      const cuts = seams.filter(
        (seam) =>
          seam.scenario === id && seam.strategy === 'reasoning-field' && seam.way === 'disconnect',
      );
      expect(new Set(cuts.map(({ k }) => k)).size).toBe((cuts[0]?.n ?? -1) + 1);
    }
    const version = record.target.engine.version ?? '';
    expect(version).toMatch(/^2\d{3}\.\d+\.\d+/);
    expect(record.target).toMatchObject({
      engine: { name: 'llama.cpp', build: `b${version.split('.')[2]}` },
      chatTemplateSha256: expect.stringMatching(/^[0-9a-f]{64}$/) as string,
      tokenizerSha256: expect.stringMatching(/^[0-9a-f]{64}$/) as string,
    });
    const { controls } = record;
    expect(controls.repeats).toBe(2 * record.plan.scenarios.length);
    expect(controls.repeatDisagreements).toBe(0);
    expect(controls.tokenControl.tried).toBeGreaterThan(100);
    expect(controls.tokenControl.exact).toBe(controls.tokenControl.tried);
    expect(causesOf(left)).toEqual(
      expect.arrayContaining([
        'separator-rebuilt',
        'empty-think-block',
        'header-missing',
        'tool-call-refused',
      ]),
    );
    expect(record.findings.length).toBeLessThan(12);
    await expectNoServer();
  });

  test('prompts alone: the same prompts are wrong, for a fraction of the tokens', async () => {
    const args = ['--engine', 'llama.cpp', '--compare', '0', '--seed', '1', '--out', 'alone'];
    const ran = await seamstress(['run', ...args], { cwd, env, timeoutMs: 590_000 });
    expect(ran.status).toBe(1);
    const alone = readRun(join(cwd, 'alone'));
    expect(wrongPrompts(alone).length).toBeGreaterThan(100);
    expect(wrongPrompts(alone)).toEqual(wrongPrompts(left));
    const { controls, totals, plan } = alone.record;
    // Streams with tools tell no ids: those were generated three times.
    expect(controls.repeats).toBeLessThan(plan.scenarios.length);
    expect(controls).toMatchObject({ repeatDisagreements: 0, tokenControl: { tried: 0 } });
    expect(controls.realCuts).toEqual({
      tried: plan.scenarios.length,
      asDerived: plan.scenarios.length,
    });
    expect(totals.generatedTokens).toBeLessThan(left.record.totals.generatedTokens / 3);
    await expectNoServer();
  });

  test('replay of each finding: reproduced', async () => {
    for (const finding of left.record.findings) {
      const ran = await seamstress(['replay', findingFile('new', finding)], { cwd, env });
      expect([finding.cause, ran.status, ran.stdout]).toEqual([
        finding.cause,
        1,
        expect.stringMatching(/^reproduced: /),
      ]);
    }
    await expectNoServer();
  });

  test('--engine-command with a shell command', async () => {
    const version = left.record.target.engine.version ?? '';
    const python = join(cache, 'engines', `llama.cpp-${version}`, 'bin', 'python');
    const command = `exec '${python}' '${LAUNCHER}' --model {model} --host {host} --port {port} 2>&1 | cat`;
    const args = ['--engine-command', command, '--cuts', '4', '--seed', '1', '--out', 'command'];
    const ran = await seamstress(['run', packOf(cwd, ['python']), ...args], { cwd, env });
    expect(ran).toMatchObject({ status: 1 });
    expect(causesOf(readRun(join(cwd, 'command')))).toContain('header-missing');
    await expectNoServer();
  });

  test('an engine command that ends at once: one clear line', async () => {
    const args = ['--engine-command', 'echo no {port} model here; exit 7', '--out', 'broken'];
    const ran = await seamstress(['run', ...args], { cwd, env });
    expect(ran).toMatchObject({ status: 3, stdout: '' });
    expect(ran.stderr).not.toMatch(/^ {4}at |bug in seamstress/m);
  });

  test.each(['SIGINT', 'SIGTERM', 'SIGKILL'] as const)('%s leaves no server', async (signal) => {
    const running = start(['run', '--engine', 'llama.cpp', '--out', signal], { cwd, env });
    await untilSeams(join(cwd, signal), 5);
    expect(await servers()).toHaveLength(1);
    running.child.kill(signal);
    expect((await running.ended).status).toBe(signal === 'SIGKILL' ? null : 130);
    await expectNoServer();
    if (signal === 'SIGKILL') return;
    expect(readRun(join(cwd, signal)).record.interrupted).toBe('signal');
  });

  test('SIGINT while it starts leaves no server', async () => {
    const running = start(['run', '--engine', 'llama.cpp', '--out', 'starting'], { cwd, env });
    await until(() => running.stderr().includes('starting llama.cpp'), 'the start');
    running.child.kill('SIGINT');
    expect((await running.ended).status).toBe(130);
    await expectNoServer();
  });

  test('the embedded server sees the same prompts', async () => {
    const running = start(
      ['run', '--engine', 'llama.cpp', '--out', 'parity', '--cuts', 'all', '--compare', '100'],
      { cwd, env },
    );
    const reference = await startReference();
    const signal = new AbortController().signal;
    try {
      await until(() => / against http/.test(running.stderr()), 'the engine');
      const url = / against (http:\S+)/.exec(running.stderr())?.[1] ?? '';
      const real = await llamacpp.connect({ url }, signal);
      const embedded = await llamacpp.connect({ url: reference.url }, signal);
      for (const scenario of await loadScenarios([])) {
        const request = requestOf(scenario);
        const [theirs, ours] = await Promise.all([
          real.render(request, signal),
          embedded.render(request, signal),
        ]);
        expect([scenario.id, ours.text]).toEqual([scenario.id, theirs.text]);
        expect([scenario.id, ours.ids]).toEqual([scenario.id, theirs.ids]);
      }
      await Promise.all([real.close(), embedded.close()]);
    } finally {
      running.child.kill('SIGINT');
      await running.ended;
      await reference.close();
    }
  });
});

describe('a build that refuses every trailing assistant message', () => {
  test('one finding in the words of the server, not hundreds', async () => {
    const ran = await seamstress(
      ['run', '--engine', OLD, '--cuts', '12', '--seed', '1', '--out', 'old'],
      { cwd, env, timeoutMs: 590_000 },
    );
    expect(ran.status).toBe(1);
    const left = readRun(join(cwd, 'old'));
    const { record, seams } = left;
    expect(record.target.engine).toMatchObject({ version: '2026.4.8929', build: 'b8929' });
    expect(record.findings.length).toBeLessThan(5);
    const refusals = record.findings.filter(({ cause }) => cause === 'prefill-refused-thinking');
    expect(refusals).toHaveLength(1);
    const words = 'Assistant response prefill is incompatible with enable_thinking.';
    expect(refusals[0]).toMatchObject({
      verdict: 'rejected',
      minimal: { actual: { text: words } },
    });
    expect(ran.stdout).toContain(words);
    // A scenario without thinking is not refused; a raw prompt never is.
    const thinking = seams.filter(
      ({ scenario, strategy }) => scenario !== 'no-thinking' && strategy !== 'raw-text',
    );
    expect(new Set(thinking.map(({ verdict }) => verdict))).toEqual(new Set(['rejected']));
    expect(refusals[0]?.count).toBe(thinking.length);
    await expectNoServer();
    const replayed = await seamstress(
      ['replay', join('old', 'findings', `${refusals[0]?.id}.json`)],
      { cwd, env },
    );
    expect(replayed).toMatchObject({ status: 1 });
    expect(replayed.stdout).toMatch(/^reproduced: /);
    await expectNoServer();
  });
});
