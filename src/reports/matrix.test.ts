import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { VERDICTS } from '../checks/verdict.ts';
import { example } from './hostile.test-help.ts';
import {
  cutsWords,
  engineOf,
  grouped,
  isInconclusive,
  matrixOf,
  percent,
  seamsOf,
  verdictLine,
  worstFirst,
} from './matrix.ts';
import { githubAnnotations } from './github/github.ts';
import { junitReport } from './junit/junit.ts';
import { markdownReport } from './markdown/markdown.ts';
import type { Finding, VerdictCounts } from './record.ts';
import { terminalReport } from './terminal/terminal.ts';

const record = example('llama.cpp-b11549');

test('a share is 100 % or 0 % only when it is', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 10_000_000 }), fc.nat(), (whole, drawn) => {
      const part = drawn % (whole + 1);
      const shown = percent(part, whole);
      expect(shown === '100 %').toBe(part === whole);
      expect(shown === '0 %').toBe(part === 0);
      expect(shown).not.toBe('100.0 %');
      expect(shown).not.toBe('0.0 %');
    }),
  );
  expect(percent(0, 0)).toBe('–');
});

test('thousands are set apart', () => {
  fc.assert(
    fc.property(fc.nat(), (count) => {
      expect(grouped(count)).toBe(count.toLocaleString('en-US'));
    }),
  );
});

test('the worst finding is first, then the one with the most seams', () => {
  const [base] = record.findings as [Finding];
  const findings = fc.array(
    fc.record({
      verdict: fc.constantFrom('drift', 'diverged', 'rejected'),
      count: fc.nat(5),
      id: fc.stringMatching(/^[a-z]{1,3}$/),
    }),
  );
  const rank = ['diverged', 'rejected', 'drift'];
  fc.assert(
    fc.property(findings, (drawn) => {
      const sorted = worstFirst(drawn.map((parts) => ({ ...base, ...parts })));
      expect(sorted).toHaveLength(drawn.length);
      for (const [i, finding] of sorted.entries()) {
        const next = sorted[i + 1];
        if (next === undefined) continue;
        const [a, b] = [rank.indexOf(finding.verdict), rank.indexOf(next.verdict)];
        expect(a).toBeLessThanOrEqual(b);
        if (a === b) expect(finding.count).toBeGreaterThanOrEqual(next.count);
      }
    }),
  );
});

describe('the matrix of a real run', () => {
  test('holds every seam once', () => {
    const { rows, phases } = matrixOf(record);
    const all = rows
      .flatMap((row) => [...row.cells.values()])
      .reduce((sum, cell) => sum + seamsOf(cell), 0);
    expect(all).toBe(record.totals.seams);
    expect(phases).toEqual(['opening', 'reasoning', 'closing', 'content', 'tool-call']);
  });

  test('is summed up in one line', () => {
    expect(verdictLine(record)).toBe('4 findings in 1,381 seams, 57.1 % exact');
    expect(verdictLine({ ...record, findings: [] })).toMatch(/^No findings in 1,381 seams/);
    const verdicts = Object.fromEntries(VERDICTS.map((verdict) => [verdict, 0]));
    const none = {
      ...record.totals,
      seams: 0,
      verdicts: verdicts as typeof record.totals.verdicts,
    };
    expect(verdictLine({ ...record, totals: none, findings: [] })).toBe('Nothing was tested');
    expect(engineOf(record)).toBe('llama.cpp b11549');
  });
});

describe('a run without a finding is not yet one that is well', () => {
  const clean = { ...record, findings: [], errors: [] };
  const { totals, plan } = clean;
  const failed = { ...totals, verdicts: { ...totals.verdicts, error: 2 } };

  test.each([
    ['with errors', { ...clean, totals: failed }, /, 2 errors/],
    ['with an error of the run itself', { ...clean, errors: ['gone'] }, /No findings/],
    [
      'that planned more',
      { ...clean, plan: { ...plan, seams: totals.seams + 1 } },
      /, 1 planned seam not tested/,
    ],
    [
      'that tested nothing',
      { ...clean, totals: { ...totals, seams: 0, verdicts: {} as VerdictCounts } },
      /^Nothing was tested$/,
    ],
  ])('%s', (_, run, words) => {
    expect(isInconclusive(run)).toBe(true);
    expect(verdictLine(run)).toMatch(words);
    expect(markdownReport(run)).toContain('### ! seamstress');
  });

  test('one that is', () => {
    expect(isInconclusive(clean)).toBe(false);
    expect(markdownReport(clean)).toContain('### ✓ seamstress');
  });
});

test('a run of prompts alone says so where it says how it went', () => {
  const alone = { ...record, plan: { ...record.plan, compare: 0 } };
  expect(verdictLine(record)).not.toContain('alone');
  expect(verdictLine(alone)).toMatch(/, prompts alone$/);
  expect(cutsWords(alone)).toBe(`${cutsWords(record)}, prompts alone`);
});

test('planted faults stand in every report', () => {
  const planted = { ...record, target: { ...record.target, faults: ['lost-space@0.5', '<b>'] } };
  expect(markdownReport(planted)).toContain('planted faults: lost-space@0.5, <b>');
  expect(githubAnnotations(planted)).toContain('planted faults: lost-space@0.5');
  expect(junitReport(planted)).toContain('name="planted fault" value="lost-space@0.5"');
  expect(terminalReport(planted, 'x')).toContain('planted faults: lost-space@0.5');
});
