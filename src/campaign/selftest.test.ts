import { expect, test } from 'vitest';
import { parseFault } from '../reference/faults.ts';
import { pairsOf, PAIRED } from './selftest-pairs.ts';
import { planFor } from './selftest-plan.ts';
import { selftestReport } from './selftest-report.ts';
import { selftest, type Selftest } from './selftest.ts';

const NEVER = new AbortController().signal;

async function run(names: readonly string[], seeds: number, paired = false): Promise<Selftest> {
  const faults = names.map(parseFault);
  const pairs = paired ? pairsOf(faults) : [];
  return await selftest({ faults, pairs, seeds, seed: 1, signal: NEVER }, () => {});
}

test('faults of every kind are found and rightly named, alone, together and under noise', async () => {
  const result = await run(
    ['newline-before-close', 'client-trims-whitespace', 'prefill-echoed', 'closed-in-event'],
    0,
    true,
  );
  expect(result.short).toEqual([]);
  expect(result.alone.map(({ findings }) => findings)).toEqual([1, 1, 1, 1]);
  expect(result.underNoise).toHaveLength(4);
  expect(result.pairs).toHaveLength(6);
});

test('a correct server gives no finding, with and without noise and whatever the transport does', async () => {
  const result = await run(['crlf-lines', 'events-split', 'done-missing', 'near-tie-noise'], 3);
  expect(result.short).toEqual([]);
  const { quiet, noisy } = result.correct;
  expect([...quiet, ...noisy].map(({ findings }) => findings)).toEqual([0, 0, 0, 0, 0, 0]);
});

test('a fault that strikes too rarely to be seen is short of the goal, and told', async () => {
  const result = await run(['turn-closed@0'], 0);
  expect(result.short).toEqual([
    'turn-closed@0: turn-closed was not found',
    'turn-closed@0 + near-tie-noise: turn-closed was not found',
  ]);
  const report = selftestReport(result, 1);
  expect(report).toContain('✗ turn-closed@0  no finding');
  expect(report).toContain('short of the goal');
});

test('plans of two faults hold the conversations of both; under noise none has tools', () => {
  const both = planFor(['matched-earlier', 'tool-call-lost'], false);
  expect(both.scenarios.map(({ id }) => id)).toEqual(['repeated', 'tool']);
  expect(planFor(['tool-call-lost'], true).scenarios).toEqual([]);
  expect(planFor([], false).cases).toBeGreaterThan(0);
});

test('every two faults make one pair', () => {
  const pairs = pairsOf(PAIRED.map(parseFault));
  expect(pairs).toHaveLength((PAIRED.length * (PAIRED.length - 1)) / 2);
  expect(pairs.every(([first, second]) => first.name !== second.name)).toBe(true);
});
