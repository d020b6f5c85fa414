/** The same seed against the same server gives the same record, whatever runs beside it. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { FaultName } from '../../src/reference/fault-catalogue.ts';
import { strategiesNamed } from '../../src/seam/named.ts';
import { temporaryFolder } from '../commands/cli.test-help.ts';
import { campaignAt, referenceWith } from './campaign.test-help.ts';
import { timeless } from './timeless.test-help.ts';

const cwd = temporaryFolder();

const SERVERS: readonly (readonly FaultName[])[] = [
  [],
  ['newline-before-close', 'spaces-merged'],
  ['prefill-echoed', 'leading-space-swallowed'],
];

/** Thoughts, characters of several tokens and tool calls, resumed in every way. */
const plan = { ids: ['add', 'emoji', 'tool'], strategies: strategiesNamed([]), cuts: 6 };

describe.each(['sweep', 'fuzz'] as const)('%s', (mode) => {
  test.each(SERVERS.map((faults) => [faults.join(' and ') || 'a right server', faults] as const))(
    'ten times, alone and 32 at once: %s',
    async (_name, faults) => {
      const records: unknown[] = [];
      const journals: string[] = [];
      for (let turn = 0; turn < 10; turn++) {
        // A fresh server each time: what it remembers is part of what it answers.
        const url = await referenceWith(faults);
        const folder = join(cwd, [mode, ...faults, turn].join('-'));
        const concurrency = turn % 2 === 0 ? 1 : 32;
        await campaignAt(url, folder, { ...plan, mode, concurrency, cases: 30, seed: 11 });
        records.push(timeless(folder));
        journals.push(readFileSync(join(folder, 'seams.ndjson'), 'utf8'));
      }
      for (const record of records) expect(record).toEqual(records[0]);
      for (const journal of journals) expect(journal).toBe(journals[0]);
    },
  );
});
