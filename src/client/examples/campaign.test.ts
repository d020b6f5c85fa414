import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import {
  llamacpp,
  loadScenarios,
  runCampaign,
  RunStore,
  startReference,
  strategiesNamed,
  terminalReport,
} from '../../index.ts';

test('a campaign from code', async () => {
  const server = await startReference(); // in its place: a server of yours
  const { signal } = new AbortController();
  const target = await llamacpp.connect({ url: server.url }, signal);
  const scenarios = await loadScenarios(['thinker']);
  const store = new RunStore(join(mkdtempSync(join(tmpdir(), 'campaign-')), 'run'));

  const record = await runCampaign(
    target,
    {
      scenarios: scenarios.filter(({ id }) => id === 'thinking'),
      strategies: strategiesNamed(['reasoning-field']),
      lossy: false,
      mode: 'sweep',
      cuts: 24,
      cases: 0,
      compare: 24,
      concurrency: 8,
      seed: 1,
      maxTimeMs: undefined,
      signal,
    },
    store,
    (event) => {
      if (event.kind === 'finding') console.log(event.title);
    },
  );

  expect(record.totals.seams).toBeGreaterThan(0);
  expect(record.findings).toEqual([]);
  expect(terminalReport(record, store.folder)).toContain('no findings');
  await target.close();
  await server.close();
}, 120_000);
