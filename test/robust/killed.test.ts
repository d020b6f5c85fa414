/**
 * SIGKILL at a hundred moments of a run: what it leaves can be read, `--resume` goes on with it,
 * nothing is counted twice, and the record is that of a run that nobody killed.
 */
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { startReference } from '../../src/reference/server.ts';
import { journalOf } from '../../src/reports/emit/source.ts';
import { packOf, seamstress, start, temporaryFolder } from '../commands/cli.test-help.ts';
import { timeless } from './timeless.test-help.ts';

const KILLS = 100;

const cwd = temporaryFolder();

/** A record without times, costs and places. */
function judged(folder: string): unknown {
  return timeless(join(cwd, folder));
}

test(`${KILLS} kills`, { timeout: 1_200_000 }, async () => {
  const server = await startReference({ faults: [{ name: 'newline-before-close', rate: 1 }] });
  const plan = [packOf(cwd, ['add']), '--target', server.url, '--seed', '3', '--cuts', '6'];
  const whole = await seamstress(['run', ...plan, '--out', 'whole'], { cwd });
  expect(whole.status).toBe(1);
  const journal = readFileSync(join(cwd, 'whole', 'seams.ndjson'), 'utf8');
  const lines = new Set(journal.split('\n'));

  // Even over the time that a run takes, from its very start to a little after its end.
  const moments = fc.sample(fc.double({ min: 0, max: 1.1, noNaN: true }), {
    numRuns: 400,
    seed: 8,
  });
  let kills = 0;
  let finished = 0;
  for (const moment of moments) {
    if (kills === KILLS) break;
    const begun = existsSync(join(cwd, 'killed', 'tape.bin'));
    const args = begun ? ['run', '--resume', 'killed'] : ['run', ...plan, '--out', 'killed'];
    const running = start(args, { cwd });
    await Promise.race([sleep(moment * whole.ms), running.ended]);
    running.child.kill('SIGKILL');
    const ended = await running.ended;
    if (ended.status === null) {
      kills++;
      // Each whole line of the journal is one of the whole run, and none is there twice.
      if (!existsSync(join(cwd, 'killed', 'seams.ndjson'))) continue;
      const left = readFileSync(join(cwd, 'killed', 'seams.ndjson'), 'utf8')
        .split('\n')
        .slice(0, -1);
      expect(left.filter((line) => !lines.has(line))).toEqual([]);
      expect(new Set(left).size).toBe(left.length);
      expect([...journalOf(join(cwd, 'killed'))]).toHaveLength(left.length);
      continue;
    }
    if (ended.status === 2) {
      // Killed before it said what it is, or after all was written: there is nothing to go on with.
      expect(ended.stderr).toMatch(/has no header|not a tape|was not interrupted/);
      if (ended.stderr.includes('was not interrupted'))
        expect(judged('killed')).toEqual(judged('whole'));
      rmSync(join(cwd, 'killed'), { recursive: true });
      continue;
    }
    expect([ended.status, ended.stderr]).toEqual([1, ended.stderr]);
    expect(readFileSync(join(cwd, 'killed', 'seams.ndjson'), 'utf8')).toBe(journal);
    expect(judged('killed')).toEqual(judged('whole'));
    rmSync(join(cwd, 'killed'), { recursive: true });
    finished++;
  }
  expect(kills).toBe(KILLS);
  // What the last kill left is gone on with, too.
  if (existsSync(join(cwd, 'killed', 'tape.bin'))) {
    const ended = await seamstress(['run', '--resume', 'killed'], { cwd });
    if (ended.status !== 2) {
      expect(judged('killed')).toEqual(judged('whole'));
      finished++;
    }
  }
  expect(finished).toBeGreaterThan(0);
  expect(lines.size).toBeGreaterThan(10);
  await server.close();
});
