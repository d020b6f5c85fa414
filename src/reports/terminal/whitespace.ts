/** The whitespace that changed at seams, as a table for a terminal. */
import type { RunRecord } from '../record.ts';
import { table } from './table.ts';

type Change = RunRecord['whitespace']['changes'][number];

/** Rows shown; the record holds them all. */
const ROWS = 12;

const PLACES = {
  'reasoning-start': 'start of reasoning',
  'before-close': 'before the think close',
  'after-close': 'after the think close',
  'content-start': 'start of content',
  seam: 'at the seam',
  text: 'inside the text',
} as const;

export function whitespaceTable({ whitespace: { changes } }: RunRecord): string[] {
  if (changes.length === 0) return [];
  const measured = changes.some(({ distribution }) => distribution !== undefined);
  const rows = changes
    .slice(0, ROWS)
    .map(({ where, wanted, got, phase, strategy, count, distribution }) => [
      PLACES[where],
      `${glyphs(wanted)} → ${glyphs(got)}`,
      phase,
      strategy,
      String(count),
      ...(measured ? moved(distribution) : []),
    ]);
  const head = ['where', 'change', 'phase', 'strategy', 'seams'];
  if (measured) head.push('KL in nats', 'TV', 'measured');
  return [
    measured
      ? 'whitespace that changed, and how far it moves the next token: median (largest), at least'
      : 'whitespace that changed; how far it moves the next token was not measured',
    ...table([head, ...rows], 4).map((line) => `  ${line}`),
    ...(changes.length > ROWS
      ? [`  … and ${changes.length - ROWS} more kinds, in the record`]
      : []),
    '',
  ];
}

function moved(distribution: Change['distribution']): string[] {
  return distribution === undefined
    ? ['', '', '']
    : [spread(distribution.kl), spread(distribution.tv), String(distribution.seams)];
}

function glyphs(text: string): string {
  return text === '' ? '∅' : text;
}

function spread({ median, max }: { readonly median: number; readonly max: number }): string {
  return `${short(median)} (${short(max)})`;
}

function short(value: number): string {
  return value === 0 ? '0' : value < 0.001 ? value.toExponential(0) : value.toPrecision(2);
}
