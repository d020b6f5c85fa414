/** `--compare 0`: every prompt is compared, and nothing is resumed. */
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { packOf, readRun, seamstress, temporaryFolder, wrongPrompts } from './cli.test-help.ts';

const cwd = temporaryFolder();
const pack = packOf(cwd, ['add', 'fruits']);
const TO_REFERENCE = ['run', pack, '--target', 'reference', '--seed', '1'];

test('a right server: every cut is exact by its prompt, and that nothing was resumed is said', async () => {
  const ran = await seamstress([...TO_REFERENCE, '--compare', '0', '--out', 'right'], { cwd });
  expect(ran.status).toBe(0);
  expect(ran.stdout).toContain('compares prompts alone: nothing was resumed');
  const { record, seams } = readRun(join(cwd, 'right'));
  expect(record.totals.seams).toBeGreaterThan(100);
  expect(record.totals.verdicts.exact).toBe(record.totals.seams);
  expect(new Set(seams.map(({ basis }) => basis.join()))).toEqual(new Set(['prompt']));
  expect(record.controls).toMatchObject({ repeats: 0, tokenControl: { tried: 0, exact: 0 } });
  expect(record.controls.realCuts).toEqual({ tried: 2, asDerived: 2 });
  expect(ran.stdout).toContain('repeat not made · token ids not made · τ not measured');
  expect(ran.stdout).toContain('every cut, prompts alone');
  expect(record.notTested).toContainEqual(
    expect.objectContaining({ what: 'repeats of uninterrupted runs', count: 2 }),
  );
  // Each scenario once, what its stream hides, and a cut that was really made.
  const whole = new Map(seams.map(({ scenario, n }) => [scenario, n + 1]));
  const once = [...whole.values()].reduce((sum, n) => sum + n);
  expect(record.totals.generatedTokens).toBeGreaterThanOrEqual(once);
  expect(record.totals.generatedTokens).toBeLessThanOrEqual(2 * once + 20);
});

test('a wrong template: the same cuts fail as in a full run, as drift, and a finding can be replayed', async () => {
  const args = [...TO_REFERENCE, '--fault', 'newline-before-close'];
  const alone = await seamstress([...args, '--compare', '0', '--out', 'alone'], { cwd });
  const full = await seamstress([...args, '--out', 'full'], { cwd });
  expect([alone.status, full.status]).toEqual([1, 1]);
  expect(full.stdout).toMatch(/moves the next token: median[^]*KL in nats/);
  expect(alone.stdout).toContain('how far it moves the next token was not measured');
  expect(alone.stdout).not.toContain('KL in nats');
  const failing = (out: string): string[] =>
    readRun(join(cwd, out))
      .seams.filter(({ verdict }) => verdict !== 'exact')
      .map(({ scenario, strategy, k, cause }) => `${scenario} ${strategy} ${k} ${cause}`);
  expect(failing('alone')).toEqual(failing('full'));
  const { record, seams } = readRun(join(cwd, 'alone'));
  expect(new Set(seams.map(({ verdict }) => verdict))).toEqual(new Set(['exact', 'drift']));
  expect(record.findings[0]).toMatchObject({ cause: 'separator-rebuilt', verdict: 'drift' });
  const file = join(cwd, 'alone', 'findings', `${record.findings[0]?.id}.json`);
  const replayed = await seamstress(
    ['replay', file, '--target', 'reference', '--fault', 'newline-before-close'],
    { cwd },
  );
  expect(replayed.stdout + replayed.stderr).toMatch(
    /reproduced.*separator-rebuilt|separator-rebuilt.*reproduced/s,
  );
});

test('a stored run is judged again, put together and gone on with as any other', async () => {
  const run = [...TO_REFERENCE, '--compare', '0', '--fault', 'newline-before-close'];
  for (const [i, out] of ['one', 'two'].entries())
    await seamstress([...run, '--shard', `${i + 1}/2`, '--out', out], { cwd });
  await seamstress([...run, '--max-requests', '60', '--out', 'stopped'], { cwd });
  expect(readRun(join(cwd, 'stopped')).record.interrupted).toBe('budget');
  const commands = [
    ['merge', 'one', 'two', '--out', 'merged'],
    ['run', '--resume', 'stopped'],
    ['analyze', 'alone'],
  ];
  for (const args of commands) {
    const ran = await seamstress(args, { cwd });
    expect([ran.stderr, ran.status]).toEqual([ran.stderr, 1]);
  }
  const whole = readRun(join(cwd, 'alone'));
  for (const out of ['merged', 'stopped']) {
    const { record, seams } = readRun(join(cwd, out));
    expect(record.totals.verdicts).toEqual(whole.record.totals.verdicts);
    expect(wrongPrompts({ seams })).toEqual(wrongPrompts(whole));
  }
});

test('a route that the server does not render is not tested, and that is no error', async () => {
  const args = ['--compare', '0', '--strategy', 'messages', '--strategy', 'reasoning-field'];
  const ran = await seamstress([...TO_REFERENCE, ...args, '--out', 'route'], { cwd });
  expect(ran.status).toBe(0);
  const { record } = readRun(join(cwd, 'route'));
  expect(record.totals.verdicts.error).toBe(0);
  expect(record.notTested).toContainEqual({
    what: 'the strategy messages',
    why: 'prompts alone are compared: this server does not tell what prompt it makes of it',
  });
});

test.each([
  ['fuzz, which resumes', ['--target', 'reference', '--mode', 'fuzz'], '--mode fuzz resumes'],
  [
    'a strategy that has no prompt',
    ['--target', 'reference', '--strategy', 'stream-replay'],
    'stream-replay can be judged by the output only',
  ],
  [
    'a server that tells no prompts',
    ['--target', 'reference', '--persona', 'tgi'],
    'does not tell the ids of any',
  ],
])('is refused for %s', async (_, more, why) => {
  const ran = await seamstress(['run', pack, '--compare', '0', ...more], { cwd });
  expect(ran.status).toBe(2);
  expect(ran.stderr).toContain(why);
});
