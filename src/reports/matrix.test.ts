import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { VERDICTS } from '../checks/verdict.ts';
import { example } from './hostile.test-help.ts';
import {
  engineOf,
  grouped,
  matrixOf,
  percent,
  seamsOf,
  verdictLine,
  worstFirst,
} from './matrix.ts';
import type { Finding } from './record.ts';

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
