/** Recipes: found, stated, and exact when they are applied. */
import { expect, test } from 'vitest';
import { seamstress, temporaryFolder } from './cli.test-help.ts';
import type { RunRecord } from '../../src/reports/record.ts';
import type { ProbeResult } from '../../src/campaign/probe.ts';

const cwd = temporaryFolder();

/** Faults with a way around them, and the shortest one. */
const WAYS_AROUND = [
  ['newline-before-close', 'reasoning-field', 'reasoning-field/newline-less'],
  ['reasoning-lost', 'reasoning-field,inline-think', 'inline-think'],
] as const;

test.each(WAYS_AROUND)('%s, sent by %s, is exact with %s', async (fault, strategies, recipe) => {
  const run = [
    'run',
    '--target',
    'reference',
    '--fault',
    fault,
    '--seed',
    '1',
    '--cuts',
    '8',
    '--json',
  ];
  const found = await seamstress([...run, '--strategy', strategies], { cwd });
  expect(found.status).toBe(1);
  const { recipe: best } = JSON.parse(found.stdout) as RunRecord;
  expect(best.everywhere.map((score) => score.recipe)).toEqual(best.everywhere.map(() => recipe));
  expect(best.everywhere.every(({ exact, tried }) => exact === tried)).toBe(true);

  const applied = await seamstress([...run, '--strategy', recipe], { cwd });
  expect(applied.status).toBe(0);
  expect((JSON.parse(applied.stdout) as RunRecord).totals.verdicts.drift).toBe(0);
});

test('probe tells a recipe, what it was asked, and which layer answered', async () => {
  const ended = await seamstress(['probe', '--target', 'reference', '--json'], { cwd });
  const found = JSON.parse(ended.stdout) as ProbeResult;
  expect(ended.status).toBe(0);
  expect(found).toMatchObject({ layer: 'probed', recipe: 'reasoning-field', tokenIdsExact: true });
  expect(found.exact.cuts).toBe(found.exact.of);
  expect(found.answers.some(({ verdict }) => verdict === 'exact')).toBe(true);
});

test('probe of a server that refuses every prefill says so in its words', async () => {
  const ended = await seamstress(['probe', '--target', 'reference', '--fault', 'prefill-refused'], {
    cwd,
  });
  expect(ended.stdout).toContain(
    'Assistant response prefill is incompatible with enable_thinking.',
  );
  expect(ended.stdout).toContain('recipe (probed): raw-text');
});

test('a recipe of the user’s is verified, not searched', async () => {
  const args = [
    'probe',
    '--target',
    'reference',
    '--fault',
    'newline-before-close',
    '--json',
    '--recipe',
  ];
  const wrong = await seamstress([...args, 'reasoning-field'], { cwd });
  expect(wrong.status).toBe(1);
  const right = await seamstress([...args, 'reasoning-field/newline-less'], { cwd });
  expect(JSON.parse(right.stdout)).toMatchObject({
    layer: 'user',
    recipe: 'reasoning-field/newline-less',
  });
  expect(right.status).toBe(0);
});

test('an edit that does not exist is wrong usage', async () => {
  const ended = await seamstress(
    ['run', '--target', 'reference', '--strategy', 'reasoning-field/foo'],
    { cwd },
  );
  expect(ended.status).toBe(2);
  expect(ended.stderr).toContain('there is no edit "foo"');
});
