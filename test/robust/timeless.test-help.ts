/** A record without what depends on the time, the place and the cost. */
import { readRun } from '../commands/cli.test-help.ts';

export function timeless(folder: string): unknown {
  const { record } = readRun(folder);
  const told = JSON.stringify({
    ...record,
    startedAt: '',
    finishedAt: '',
    totals: { ...record.totals, seconds: 0, requests: 0, promptTokens: 0, generatedTokens: 0 },
    cache: record.cache.map((row) => ({ ...row, warmFirstEventMs: 0, coldFirstEventMs: 0 })),
  });
  return JSON.parse(
    told
      .replaceAll(/http:\/\/127\.0\.0\.1:\d+/g, 'URL')
      .replaceAll(/[\w./-]+\/findings\//g, 'RUN/findings/'),
  );
}
