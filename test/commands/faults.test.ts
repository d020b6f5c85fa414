/** Each fault that can be planted is found, and named by its cause. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { CAUSES, type Cause } from '../../src/diagnosis/causes.ts';
import type { FaultName } from '../../src/reference/faults.ts';
import {
  findingFile,
  packOf,
  readFinding,
  readRun,
  seamstress,
  temporaryFolder,
} from './cli.test-help.ts';

const cwd = temporaryFolder();
const pack = packOf(cwd, ['add', 'emoji', 'tool', 'no-thinking']);

/** The causes that the findings of a fault may have; the first must be among them. */
const CAUSES_OF = {
  'prefill-dropped': ['prefill-dropped'],
  'turn-closed': ['turn-reopened'],
  'prefill-refused': ['prefill-refused-thinking'],
  'trailing-space-stripped': ['trailing-whitespace-trimmed'],
  'newline-before-close': ['separator-rebuilt'],
  'reasoning-lost': ['reasoning-dropped'],
  'thinking-reopened': ['thinking-reopened', 'think-tag-doubled'],
  'content-as-reasoning': ['content-as-reasoning'],
  'prefill-echoed': ['prefill-echoed'],
  'partial-char-dropped': ['character-dropped'],
  'bos-doubled': ['bos-doubled'],
  retokenize: ['retokenized', 'space-run', 'newline-run', 'punctuation-newline'],
} satisfies Partial<Record<FaultName, readonly [Cause, ...Cause[]]>>;

const FAULTY = Object.keys(CAUSES_OF) as (keyof typeof CAUSES_OF)[];

describe('every fault is found', () => {
  test.each(FAULTY)('%s', async (fault) => {
    const args = ['--target', 'reference', '--fault', fault, '--cuts', '12', '--seed', '1'];
    const ran = await seamstress(['run', pack, ...args, '--out', fault], { cwd });
    expect(ran).toMatchObject({ status: 1 });
    const { record, seams } = readRun(join(cwd, fault));
    const { findings } = record;
    expect(record.errors).toEqual([]);
    expect(record.target.faults).toEqual([fault]);
    const causes = findings.map(({ cause }) => cause);
    expect(causes).toContain(CAUSES_OF[fault][0]);
    for (const cause of causes) expect(CAUSES_OF[fault]).toContain(cause);
    for (const finding of findings) {
      expect(['drift', 'diverged', 'rejected']).toContain(finding.verdict);
      expect(finding.culprit).toBe(CAUSES[finding.cause].culprit);
      expect(readFinding(findingFile(join(cwd, fault), finding))).toEqual(finding);
      expect(finding.minimal.requests.length).toBeGreaterThan(0);
      expect(ran.stdout).toContain(CAUSES[finding.cause].title);
      expect(ran.stdout).toContain(`reproduce: ${finding.replay.command}`);
      expect(finding.count).toBe(finding.where.reduce((total, { count }) => total + count, 0));
    }
    const { drift, diverged, rejected, unstable, error } = record.totals.verdicts;
    expect(findings.reduce((total, { count }) => total + count, 0)).toBe(
      drift + diverged + rejected,
    );
    expect([unstable, error]).toEqual([0, 0]);
    for (const { verdict, cause, detail } of seams) {
      // A cut with nothing but reasoning cannot tell alone what was dropped; the finding can.
      if (verdict === 'exact' || detail === 'alone') continue;
      expect(CAUSES_OF[fault]).toContain(cause);
    }
  });

  test('one that strikes half of the requests only', async () => {
    const args = ['--target', 'reference', '--fault', 'bos-doubled@0.5', '--cuts', '12'];
    const ran = await seamstress(['run', pack, ...args, '--seed', '5', '--out', 'half'], { cwd });
    expect(ran.status).toBe(1);
    const { record } = readRun(join(cwd, 'half'));
    expect(record.findings.map(({ cause }) => cause)).toEqual(['bos-doubled']);
    expect(record.totals.verdicts.exact).toBeGreaterThan(0);
  });

  test('two at once are two findings', async () => {
    const args = ['--fault', 'prefill-echoed,newline-before-close', '--cuts', '12', '--seed', '1'];
    const ran = await seamstress(['run', pack, '--target', 'reference', ...args, '--out', 'two'], {
      cwd,
    });
    expect(ran.status).toBe(1);
    const causes = readRun(join(cwd, 'two')).record.findings.map(({ cause }) => cause);
    expect(causes.toSorted()).toEqual(['prefill-echoed', 'separator-rebuilt']);
  });
});

describe('near-tie-noise is no finding', () => {
  test.each([1, 2, 3])('seed %i', async (seed) => {
    const out = `noise-${seed}`;
    const args = ['--fault', 'near-tie-noise', '--cuts', '12', '--seed', `${seed}`, '--out', out];
    const ran = await seamstress(['run', pack, '--target', 'reference', ...args], { cwd });
    expect([0, 3]).toContain(ran.status);
    const { record } = readRun(join(cwd, out));
    expect(record.findings).toEqual([]);
    expect(record.totals.verdicts.unstable).toBeGreaterThan(0);
    expect(record.controls.tau).toBeGreaterThan(0);
    expect(ran.stdout).toContain('no findings');
  });

  test('while fuzzing', async () => {
    const args = ['--fault', 'near-tie-noise', '--mode', 'fuzz', '--cases', '100', '--seed', '4'];
    const ran = await seamstress(
      ['run', pack, '--target', 'reference', ...args, '--out', 'noise-fuzz'],
      { cwd },
    );
    expect([0, 3]).toContain(ran.status);
    expect(readRun(join(cwd, 'noise-fuzz')).record.findings).toEqual([]);
  });
});

test('--fail-on: findings that do not count leave status 0, and are kept', async () => {
  const args = ['--target', 'reference', '--fault', 'prefill-refused', '--cuts', '3'];
  const ran = await seamstress(
    ['run', packOf(cwd, ['add']), ...args, '--fail-on', 'drift,diverged', '--out', 'fail-on'],
    { cwd },
  );
  expect(ran.status).toBe(0);
  expect(readRun(join(cwd, 'fail-on')).record.findings).toHaveLength(1);
});

/** Findings without what differs from run to run: the port and the folder. */
const steady = (list: unknown): string =>
  JSON.stringify(list)
    .replaceAll(/http:\/\/127\.0\.0\.1:\d+/g, 'URL')
    .replaceAll(/fuzz-[\w-]+\/findings/g, 'findings');

describe('fuzzing a faulty server', () => {
  test.each([
    'newline-before-close',
    'prefill-echoed',
    'partial-char-dropped',
    'retokenize',
  ] as const)('%s is found, made small, and found again with the same seed', async (fault) => {
    const outs = [`fuzz-${fault}`, `fuzz-${fault}-again`];
    const findings = [];
    for (const out of outs) {
      const args = ['--fault', fault, '--mode', 'fuzz', '--cases', '40', '--seed', '7'];
      const ran = await seamstress(['run', pack, '--target', 'reference', ...args, '--out', out], {
        cwd,
      });
      expect(ran.status).toBe(1);
      const { record } = readRun(join(cwd, out));
      findings.push(record.findings);
    }
    expect(findings[0]?.length).toBeGreaterThan(0);
    for (const { fuzz, cause, minimal } of findings[0] ?? []) {
      expect(CAUSES_OF[fault]).toContain(cause);
      expect(fuzz).toEqual({
        seed: expect.any(Number) as number,
        path: expect.stringMatching(/^\d+(:\d+)*$/) as string,
      });
      expect(minimal.pauses.length).toBeLessThanOrEqual(1);
      if (minimal.generation.synthetic)
        expect(minimal.view.reasoning.length + minimal.view.content.length).toBeLessThan(40);
    }
    expect(steady(findings[1])).toBe(steady(findings[0]));
    const [first, again] = outs.map((out) => readFileSync(join(cwd, out, 'seams.ndjson'), 'utf8'));
    expect(again).toBe(first);
    expect(existsSync(join(cwd, outs[0] ?? '', 'run.json'))).toBe(true);
  });
});
