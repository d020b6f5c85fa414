/** How resumes used the server's prompt cache, as a table for a terminal. */
import type { CacheRow, RunRecord } from '../record.ts';
import { table } from './table.ts';

export function cacheTable({ cache }: RunRecord): string[] {
  if (cache.length === 0) return [];
  const head = [
    'strategy',
    'resumes',
    'prompt reused',
    'lost the cache',
    'first event warm',
    'cold',
  ];
  return [
    'cache, right after the cut',
    ...table([head, ...cache.map(row)]).map((line) => `  ${line}`),
    '',
  ];
}

function row(cells: CacheRow): string[] {
  const { strategy, resumes, discarded, reused, possible } = cells;
  return [
    strategy,
    String(resumes),
    reused === undefined ? 'not told' : `${percent(reused.median)}, least ${percent(reused.min)}`,
    possible === undefined ? '' : percent(possible),
    reused === undefined ? '' : String(discarded),
    ms(cells.warmFirstEventMs),
    ms(cells.coldFirstEventMs),
  ];
}

function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}

function ms(value: number | undefined): string {
  return value === undefined ? '' : `${value.toFixed(1)} ms`;
}
