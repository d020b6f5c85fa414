/** A stream that was cut is asked for again by a GET without a body: its record can be read. */
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { findingFile, packOf, readRun, seamstress, temporaryFolder } from './cli.test-help.ts';

const cwd = temporaryFolder();

test('a finding of the stream’s replay is stored, reported and replayed', async () => {
  const args = ['--target', 'reference', '--strategy', 'stream-replay', '--cuts', '2'];
  const ran = await seamstress(['run', packOf(cwd, ['add']), ...args, '--out', 'replayed'], {
    cwd,
  });
  expect(ran.status).toBe(1);
  const { record } = readRun(join(cwd, 'replayed'));
  const [finding] = record.findings;
  if (finding === undefined) throw new Error('the embedded server keeps no streams');
  expect(finding.strategy).toBe('stream-replay');
  for (const again of [
    ['report', 'replayed'],
    ['analyze', 'replayed'],
    ['replay', findingFile('replayed', finding), '--target', 'reference'],
  ]) {
    const told = await seamstress(again, { cwd });
    expect([again[0], told.stderr.includes('not a seamstress'), told.status]).toEqual([
      again[0],
      false,
      again[0] === 'report' ? 0 : 1,
    ]);
  }
});
