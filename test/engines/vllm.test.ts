/** The real vLLM. The first run on a machine installs it, which takes minutes and some 4 GB. */
import { execFile, spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { request } from 'undici';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { replayFinding } from '../../src/campaign/replay.ts';
import { runCampaign, type CampaignOptions } from '../../src/campaign/run.ts';
import { openTarget, type OpenTarget } from '../../src/cli/target.ts';
import { examine } from '../../src/engines/doctor.ts';
import { findingSchema, type Finding, type RunRecord } from '../../src/reports/record.ts';
import { RunStore } from '../../src/reports/store.ts';
import { loadScenarios } from '../../src/scenario/load.ts';
import { strategiesNamed } from '../../src/seam/named.ts';
import { readRun, wrongPrompts } from '../commands/cli.test-help.ts';

const LAUNCHER = 'python_server.py';
const ENGINE = join(import.meta.dirname, '../../src/engines/engine.ts');
const { signal } = new AbortController();

let folder: string;
let open: OpenTarget;
/** The process group of the engine that the tests share. */
let group: string;
const lines: string[] = [];

/** Living processes: id, parent, group, command line. */
async function processes(): Promise<
  { pid: string; parent: string; group: string; args: string }[]
> {
  const { stdout } = await promisify(execFile)('ps', ['-eo', 'pid=,ppid=,pgid=,stat=,args='], {
    maxBuffer: 1e8,
  });
  return stdout.split('\n').flatMap((line) => {
    const [, pid, parent, pgid, state, args] =
      /^\s*(\d+)\s+(\d+)\s+(\d+)\s+(\S+)\s+(.*)$/.exec(line) ?? [];
    const dead = state === undefined || state.startsWith('Z');
    return dead ? [] : [{ pid: pid!, parent: parent!, group: pgid!, args: args! }];
  });
}

async function membersOf(pgid: string): Promise<string[]> {
  return (await processes()).filter(({ group: of }) => of === pgid).map(({ args }) => args);
}

async function groupStartedBy(parent: number | undefined): Promise<string | undefined> {
  const all = await processes();
  return all.find(({ parent: of, args }) => of === String(parent) && args.includes(LAUNCHER))?.pid;
}

async function untilGone(pgid: string): Promise<void> {
  const deadline = Date.now() + 8000;
  while ((await membersOf(pgid)).length > 0 && Date.now() < deadline) await sleep(100);
  expect(await membersOf(pgid)).toEqual([]);
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'seamstress-vllm-'));
  open = await openTarget({ engine: 'vllm', dialect: 'auto' }, 1, signal, (line) =>
    lines.push(line),
  );
  group = (await groupStartedBy(process.pid)) ?? 'none';
});
afterAll(async () => {
  await open.close();
  await rm(folder, { recursive: true });
});

test('is provisioned, starts, and says who it is', async () => {
  expect(lines.join('\n')).toMatch(/starting vllm 0\.32\.0…[\s\S]*vllm 0\.32\.0 started in \d+/);
  expect(open.name).toBe('vllm-0.32.0');
  expect(open.target.identity).toMatchObject({
    dialect: 'vllm',
    model: 'thinker',
    engine: { name: 'vllm', version: '0.32.0' },
    chatTemplateSha256: expect.stringMatching(/^[0-9a-f]{64}$/) as string,
  });
  expect((await membersOf(group)).length).toBeGreaterThan(1);
  const found = await examine({ signal, target: open.target.identity.url });
  expect(found.find(({ what }) => what === 'engine vllm 0.32.0')).toMatchObject({ status: 'ok' });
  expect(found.at(-1)).toMatchObject({ status: 'ok', found: expect.stringContaining('vLLM') });
});

const MARKUP_IN_CONTENT =
  /^tool, stop-string after \d+ tokens: twice the client was given what the whole answer does not have: content “⏎⏎<to/;

describe('a sweep', () => {
  let record: RunRecord;
  let options: CampaignOptions;
  beforeAll(async () => {
    const scenarios = await loadScenarios([]);
    options = {
      scenarios: scenarios.filter(({ id }) => ['add', 'chinese', 'tool'].includes(id)),
      strategies: strategiesNamed(['reasoning-field', 'reasoning-field+flags', 'raw-text']),
      lossy: false,
      mode: 'sweep',
      cuts: 10,
      cases: 0,
      compare: 24,
      concurrency: 8,
      seed: 1,
      maxTimeMs: undefined,
      signal,
    };
    record = await runCampaign(open.target, options, new RunStore(join(folder, 'run')), () => {});
  });

  function finding(cause: string): Finding | undefined {
    const found = record.findings.find((one) => one.cause === cause);
    return found === undefined ? undefined : findingSchema.parse(found);
  }

  test('whose controls hold: the engine repeats itself, and goes on exactly by ids', () => {
    const { controls, errors, totals } = record;
    // What it holds back for a stop string comes as content when a tool call is stopped.
    expect(errors).toEqual([expect.stringMatching(MARKUP_IN_CONTENT)]);
    expect(controls).toMatchObject({ repeats: 6, repeatDisagreements: 0 });
    expect(controls.tokenControl.tried).toBeGreaterThan(20);
    expect(controls.tokenControl.exact).toBe(controls.tokenControl.tried);
    expect(controls.realCuts.tried).toBeGreaterThan(6);
    expect(totals.seams).toBeGreaterThanOrEqual(90);
    expect(totals.verdicts).toMatchObject({ error: 0, unstable: 0, rejected: 0 });
  });

  test('of prompts alone finds the same ones wrong, and generates each answer once', async () => {
    const store = new RunStore(join(folder, 'alone'));
    const alone = await runCampaign(open.target, { ...options, compare: 0 }, store, () => {});
    const wrong = wrongPrompts(readRun(join(folder, 'alone')));
    expect(wrong.length).toBeGreaterThan(20);
    expect(wrong).toEqual(wrongPrompts(readRun(join(folder, 'run'))));
    expect(alone.controls).toMatchObject({
      repeats: 0,
      tokenControl: { tried: 0 },
      realCuts: { tried: 3, asDerived: 2 },
    });
    expect(alone.errors).toEqual([expect.stringMatching(MARKUP_IN_CONTENT)]);
  });

  test('without flags a new turn is opened', () => {
    expect(finding('turn-reopened')).toMatchObject({
      culprit: 'template',
      strategy: 'reasoning-field',
    });
  });

  test('a thought cannot be gone on with: the template closes it', () => {
    const found = finding('thinking-closed-early');
    expect(found).toMatchObject({ strategy: 'reasoning-field+flags' });
    expect(found?.minimal.actual.text).toContain('</think>');
  });

  test('the line breaks that content starts with are written twice', () => {
    const found = finding('separator-rebuilt');
    expect(found?.minimal.actual.text).toContain('</think>\n\n\n\n');
    expect(found?.minimal.expected.text).not.toContain('</think>\n\n\n');
  });

  test('raw text goes on exactly, but for what the tokenizer merges', () => {
    const cells = record.totals.matrix.filter(({ strategy }) => strategy === 'raw-text');
    const exact = cells.reduce((sum, { verdicts }) => sum + verdicts.exact, 0);
    expect(exact).toBeGreaterThanOrEqual(20);
  });

  test('a finding is reproduced by its replay', async () => {
    const found = finding('thinking-closed-early');
    expect(await replayFinding(open.target, found!, signal)).toMatchObject({
      outcome: 'reproduced',
    });
  });
});

test('warm prompts come from the cache, cold ones do not', async () => {
  const prompt = Array.from({ length: 300 }, (_, i) => 40 + (i % 50));
  const sampling = { maxTokens: 1, top: 1 };
  const cached: (number | undefined)[] = [];
  for (const cache of ['warm', 'warm', 'cold'] as const)
    cached.push(
      (await open.target.complete(prompt, { ...sampling, cache }, signal)).usage.cachedTokens,
    );
  expect(cached[1]).toBeGreaterThan(200);
  expect([cached[0], cached[2]]).toEqual([0, 0]);
});

test('fuzzing finds its way through synthetic texts too', async () => {
  const scenarios = await loadScenarios([]);
  const record = await runCampaign(
    open.target,
    {
      scenarios: scenarios.filter(({ id }) => id === 'thinking'),
      strategies: strategiesNamed(['reasoning-field+flags']),
      lossy: false,
      mode: 'fuzz',
      cuts: 'all',
      cases: 40,
      compare: 8,
      concurrency: 8,
      seed: 7,
      maxTimeMs: 60_000,
      signal,
    },
    new RunStore(join(folder, 'fuzz')),
    () => {},
  );
  expect(record.errors).toEqual([]);
  expect(record.totals.verdicts.error).toBe(0);
  expect(record.findings.length).toBeGreaterThan(0);
});

test('stopping leaves no process', async () => {
  await open.close();
  await untilGone(group);
  await expect(request(`${open.target.identity.url}/health`)).rejects.toThrow('ECONNREFUSED');
});

test('a harness that is killed takes all its processes with it', async () => {
  const harness = join(folder, 'harness.mjs');
  await writeFile(
    harness,
    `import { runnerImport } from ${JSON.stringify(import.meta.resolve('vite'))};
    const { module } = await runnerImport(${JSON.stringify(ENGINE)});
    await module.startEngine(module.parseEngine('vllm'), { signal: new AbortController().signal, progress: () => {} });`,
  );
  const child = spawn(process.execPath, [harness], { stdio: 'inherit' });
  let started: string | undefined;
  // Until the launcher has a child of its own: that one would be left behind.
  for (const deadline = Date.now() + 120_000; Date.now() < deadline; await sleep(200)) {
    started ??= await groupStartedBy(child.pid);
    if (started !== undefined && (await membersOf(started)).length > 1) break;
  }
  expect(started).toBeDefined();
  expect((await membersOf(started!)).length).toBeGreaterThan(1);
  child.kill('SIGKILL');
  await untilGone(started!);
});
