/** Whole campaigns in this process, against servers on loopback, with little patience. */
import { onTestFinished } from 'vitest';
import { runCampaign, type CampaignOptions } from '../../src/campaign/run.ts';
import { dialectNamed, connect } from '../../src/dialects/registry.ts';
import type { FaultName } from '../../src/reference/fault-catalogue.ts';
import { startReference } from '../../src/reference/server.ts';
import type { RunRecord } from '../../src/reports/record.ts';
import { RunStore } from '../../src/reports/store.ts';
import { loadScenarios } from '../../src/scenario/load.ts';
import { strategiesNamed } from '../../src/seam/named.ts';

export const TIMEOUTS = { connectMs: 10_000, headersMs: 5000, stallMs: 2000 } as const;

interface Chosen extends Partial<CampaignOptions> {
  /** Ids of the built-in pack. */
  readonly ids?: readonly string[];
  readonly timeouts?: Partial<typeof TIMEOUTS>;
  readonly apiKey?: string;
}

/** Runs a campaign and writes it to a folder. */
export async function campaignAt(
  url: string,
  folder: string,
  { ids = ['add', 'emoji'], timeouts, apiKey, ...options }: Chosen = {},
): Promise<RunRecord> {
  const { signal } = new AbortController();
  const target = await connect(
    dialectNamed('auto'),
    { url, timeouts: { ...TIMEOUTS, ...timeouts }, ...(apiKey === undefined ? {} : { apiKey }) },
    signal,
  );
  try {
    const all = await loadScenarios(['thinker']);
    return await runCampaign(
      target,
      {
        scenarios: all.filter(({ id }) => ids.includes(id)),
        strategies: strategiesNamed(['reasoning-field']),
        lossy: false,
        mode: 'sweep',
        cuts: 4,
        cases: 0,
        compare: 8,
        concurrency: 4,
        seed: 1,
        maxTimeMs: undefined,
        signal,
        ...options,
      },
      new RunStore(folder),
      () => {},
    );
  } finally {
    await target.close();
  }
}

/** An embedded server with these faults; closed when the test ends. */
export async function referenceWith(faults: readonly FaultName[]): Promise<string> {
  const server = await startReference({ faults: faults.map((name) => ({ name, rate: 1 })) });
  onTestFinished(() => server.close());
  return server.url;
}
