/** The built command line as a process, in a folder of its own. `npm run build` comes first. */
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, expect } from 'vitest';
import { parse } from 'yaml';
import {
  findingSchema,
  runSchema,
  seamLineSchema,
  type Finding,
  type RunRecord,
  type SeamLine,
} from '../../src/reports/record.ts';

const ROOT = join(import.meta.dirname, '../..');
export const MAIN: string = join(ROOT, 'dist/cli/main.js');

/** How a command ended. */
export interface Ended {
  /** Null when a signal ended it. */
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly ms: number;
}

/** A command that runs. */
export interface Running {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
  /** Standard output and error so far. */
  readonly stdout: () => string;
  readonly stderr: () => string;
}

export interface Surroundings {
  readonly cwd: string;
  /** Changes to the environment; undefined takes a variable away. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** When it is killed, so that one that hangs does not outlive its test. @defaultValue 110 s */
  readonly timeoutMs?: number;
  /** `pipe` to write to the command yourself. @defaultValue nothing to read */
  readonly stdin?: 'pipe';
}

/** Starts `seamstress …`. */
export function start(
  args: readonly string[],
  { cwd, env = {}, timeoutMs = 110_000, stdin }: Surroundings,
): Running {
  const began = performance.now();
  const child = spawn(process.execPath, [MAIN, ...args], {
    cwd,
    env: { ...process.env, SEAMSTRESS_API_KEY: undefined, NODE_OPTIONS: undefined, ...env },
    stdio: [stdin ?? 'ignore', 'pipe', 'pipe'],
    timeout: timeoutMs,
    killSignal: 'SIGKILL',
  });
  let stdout = '';
  let stderr = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const ended = new Promise<Ended>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (status) =>
      resolve({ status, stdout, stderr, ms: performance.now() - began }),
    );
  });
  return { child, ended, stdout: () => stdout, stderr: () => stderr };
}

/** Runs `seamstress …` to its end. */
export async function seamstress(args: readonly string[], where: Surroundings): Promise<Ended> {
  return await start(args, where).ended;
}

/** A folder for the tests of one file; removed after them. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'seamstress-commands-'));
  afterAll(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** What a run left behind, each file checked against its schema. */
export interface Left {
  readonly record: RunRecord;
  readonly seams: readonly SeamLine[];
}

/** Reads a run's folder. Every line of the journal must be whole and counted. */
export function readRun(folder: string): Left {
  const record = runSchema.parse(JSON.parse(readFileSync(join(folder, 'run.json'), 'utf8')));
  const lines = readFileSync(join(folder, 'seams.ndjson'), 'utf8').split('\n');
  expect(lines.pop()).toBe('');
  const seams = lines.map((line) => seamLineSchema.parse(JSON.parse(line)));
  expect(seams).toHaveLength(record.totals.seams);
  for (const [verdict, count] of Object.entries(record.totals.verdicts))
    expect([verdict, seams.filter((seam) => seam.verdict === verdict).length]).toEqual([
      verdict,
      count,
    ]);
  return { record, seams };
}

/** Cuts at which the server would see other ids than the model wrote, or refuses to go on. */
export function wrongPrompts({ seams }: Pick<Left, 'seams'>): string[] {
  const wrong = seams.filter(({ check }) => check === 'prompt' || check === 'resume');
  return wrong.map(({ scenario, strategy, k }) => `${scenario} ${strategy} ${k}`).toSorted();
}

/** Where a finding's file is. */
export function findingFile(folder: string, finding: Finding): string {
  return join(folder, 'findings', `${finding.id}.json`);
}

export function readFinding(file: string): Finding {
  return findingSchema.parse(JSON.parse(readFileSync(file, 'utf8')));
}

/** A pack of some scenarios of the built-in one, with changes, written to a folder. */
export function packOf(
  folder: string,
  ids: readonly string[],
  changes: Readonly<Record<string, unknown>> = {},
): string {
  const { scenarios } = parse(readFileSync(join(ROOT, 'scenarios/thinker.yaml'), 'utf8')) as {
    scenarios: { id: string }[];
  };
  const chosen = ids.map((id) => {
    const scenario = scenarios.find((known) => known.id === id);
    if (scenario === undefined) throw new Error(`the built-in pack has no ${id}`);
    return { ...scenario, ...changes };
  });
  const file = join(folder, `${ids.join('-')}.yaml`);
  writeFileSync(file, JSON.stringify({ pack: 'some', scenarios: chosen }));
  return file;
}

/** Waits until the journal of a run has as many lines. */
export async function untilSeams(folder: string, count: number): Promise<void> {
  const journal = join(folder, 'seams.ndjson');
  await until(
    () => existsSync(journal) && readFileSync(journal, 'utf8').split('\n').length > count,
    `${count} seams in ${journal}`,
  );
}

export async function until(holds: () => boolean, what: string): Promise<void> {
  const deadline = Date.now() + 60_000;
  while (!holds()) {
    if (Date.now() > deadline) throw new Error(`waited in vain for ${what}`);
    await sleep(20);
  }
}

/** No stack trace, no claim of a bug, at most a few lines. */
export function expectClear(stderr: string): void {
  expect(stderr).not.toMatch(/^ {4}at /m);
  expect(stderr).not.toContain('bug in seamstress');
  expect(stderr.trim().split('\n').length).toBeLessThanOrEqual(3);
}
