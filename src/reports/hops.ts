/** What hops did to resumes: the part of the record, and its print for a terminal. */
import { z } from 'zod';
import { VERDICTS, type Verdict } from '../checks/verdict.ts';
import { HOP_CAUSE_NAMES, HOP_CAUSES, type HopCause } from '../diagnosis/hop-causes.ts';
import { CHANGES, type Change } from '../diagnosis/hop-fields.ts';
import { visible } from '../tokens/text.ts';
import { clip, harmless } from './markdown/markdown-text.ts';

/** One field of a request on both sides of a hop, for one route and arm. */
export interface HopRow {
  readonly hop: string;
  readonly route: string;
  readonly arm: string;
  readonly field: string;
  /** JSON, shortened; undefined where the side does not have the field. */
  readonly sent?: string | undefined;
  readonly forwarded?: string | undefined;
  readonly change: Change;
  readonly detail: string;
  /** What of it stands in the rendered prompt; empty where that cannot be said. */
  readonly rendered: string;
  /** Requests in which this became of the field. */
  readonly count: number;
}

/** What became of the resumes of one route in one arm. */
export interface HopVerdict {
  readonly route: string;
  readonly arm: string;
  /** Straight to the engine; all zero where it does not have the route. */
  readonly direct: Readonly<Record<Verdict, number>>;
  readonly proxied: Readonly<Record<Verdict, number>>;
  /** `count`: the engine told only how many tokens the direct prompt has. */
  readonly oracle: 'ids' | 'count';
  /** Resumes whose prompt is another one when what the hop did is undone, and how many of those are exact then. */
  readonly harmed: number;
  readonly putRight: number;
  /** The hop that harmed them. */
  readonly hop?: string | undefined;
  readonly cause?: HopCause | undefined;
  /** Everything that it did to what matters, the gravest first, harmful or not. */
  readonly causes: readonly HopCause[];
  /** One sentence. */
  readonly line: string;
  readonly example?: HopExample | undefined;
}

/** One resume as evidence. Bodies are what passed, keys never among them. */
export interface HopExample {
  readonly scenario: string;
  readonly k: number;
  readonly sent: { readonly path: string; readonly body: unknown };
  readonly forwarded: { readonly path: string; readonly body: unknown };
  /** The ends of the prompts: what should stand there, and what the engine rendered. */
  readonly wanted: string;
  readonly rendered: string;
}

/** The `hops` of a record. */
export interface HopsReport {
  readonly hops: readonly { readonly name: string; readonly version: string }[];
  readonly engine: string;
  readonly cuts: number;
  readonly scenarios: number;
  readonly rows: readonly HopRow[];
  readonly verdicts: readonly HopVerdict[];
  readonly notTested: readonly string[];
  readonly errors: readonly string[];
  /** Scenarios that a test which was stopped did not come to; absent when it came to its end. */
  readonly unreached?: number | undefined;
}

const count = z.int().min(0);
const counts = z.record(z.enum(VERDICTS), count);
const cause = z.enum(HOP_CAUSE_NAMES);
const request = z.object({ path: z.string(), body: z.unknown() });

export const hopsSchema: z.ZodType<HopsReport> = z.object({
  hops: z.array(z.object({ name: z.string(), version: z.string() })),
  engine: z.string(),
  cuts: count,
  scenarios: count,
  rows: z.array(
    z.object({
      hop: z.string(),
      route: z.string(),
      arm: z.string(),
      field: z.string(),
      sent: z.string().optional(),
      forwarded: z.string().optional(),
      change: z.enum(CHANGES),
      detail: z.string(),
      rendered: z.string(),
      count,
    }),
  ),
  verdicts: z.array(
    z.object({
      route: z.string(),
      arm: z.string(),
      direct: counts,
      proxied: counts,
      oracle: z.enum(['ids', 'count']),
      harmed: count,
      putRight: count,
      hop: z.string().optional(),
      cause: cause.optional(),
      causes: z.array(cause),
      line: z.string(),
      example: z
        .object({
          scenario: z.string(),
          k: count,
          sent: request,
          forwarded: request,
          wanted: z.string(),
          rendered: z.string(),
        })
        .optional(),
    }),
  ),
  notTested: z.array(z.string()),
  errors: z.array(z.string()),
  unreached: count.optional(),
});

/** The exit status that a hops part gives on its own: 1 where a hop harmed a resume, 3 where nothing was learned. */
export function hopsStatus(
  { verdicts, errors }: HopsReport,
  failOn: ReadonlySet<Verdict>,
): 0 | 1 | 3 {
  const harm = verdicts.some(
    ({ hop, proxied }) =>
      hop !== undefined && VERDICTS.some((verdict) => failOn.has(verdict) && proxied[verdict] > 0),
  );
  if (harm) return 1;
  const told = verdicts.reduce(
    (sum, { proxied }) => sum + VERDICTS.reduce((all, verdict) => all + proxied[verdict], 0),
    0,
  );
  const failed = verdicts.some(({ proxied }) => proxied.error > 0) || errors.length > 0;
  return told === 0 || failed ? 3 : 0;
}

/** The print, ending with a line break. */
export function hopsReport(report: HopsReport): string {
  const names = report.hops.map(({ name, version }) => `${name} ${version}`).join(' → ');
  const head = `hops: client → ${names} → tap → ${report.engine} · ${report.cuts} cuts of ${report.scenarios === 1 ? '1 scenario' : `${report.scenarios} scenarios`}, each really sent, the prompt of what arrived`;
  const rows = [
    ['route, arm', 'direct', 'through the hop', 'harmed', 'the hop'],
    ...report.verdicts
      .slice(0, MOST_VERDICTS)
      .map(({ route, arm, direct, proxied, oracle, harmed, cause: named, hop }) => [
        `${route}  ${arm}`,
        countsIn(direct) + (oracle === 'count' ? ' (by count)' : ''),
        countsIn(proxied),
        harmed === 0 ? '–' : String(harmed),
        hop === undefined || named === undefined ? '–' : `${hop}: ${named}`,
      ]),
  ];
  return [
    visible(head),
    '',
    ...columns(rows, 64).map((line) => `  ${line}`),
    '',
    ...report.verdicts.slice(0, MOST_VERDICTS).flatMap((verdict) => details(verdict, report.rows)),
    ...saidOf(report, 5).map((said) => `  ${clip(said, LONGEST_SAID)}`),
    '',
  ]
    .map(harmless)
    .join('\n');
}

/** Verdicts, fields of one, and lines of what was not tested that reports show at most. */
export const MOST_VERDICTS = 40;
export const MOST_FIELDS = 30;
const MOST_SAID = 30;
const LONGEST_SAID = 600;

/** What was not tested and what failed, one line each. */
export function saidOf(
  { notTested, errors, unreached = 0 }: HopsReport,
  mostErrors: number = MOST_SAID,
): string[] {
  return [
    ...notTested.slice(0, MOST_SAID).map((what) => `not tested: ${what}`),
    ...(unreached === 0 ? [] : [`not tested: ${unreached} more scenarios; the test was stopped`]),
    ...errors.slice(0, mostErrors).map((error) => `error: ${error}`),
  ];
}

/** The rows of a verdict that show what the hop did. */
export function telling({ route, arm }: HopVerdict, rows: readonly HopRow[]): HopRow[] {
  return rows.filter(
    (row) =>
      row.route === route &&
      row.arm === arm &&
      (IMPORTANT.test(row.field) || (row.change !== 'kept' && row.change !== 'added')),
  );
}

/** Verdicts in words: `exact 2, drift 1`. */
export function countsIn(verdicts: HopVerdict['direct']): string {
  const parts = VERDICTS.filter((verdict) => verdicts[verdict] > 0).map(
    (verdict) => `${verdict} ${verdicts[verdict]}`,
  );
  return parts.length === 0 ? '–' : parts.join(', ');
}

function details(verdict: HopVerdict, rows: readonly HopRow[]): string[] {
  const { route, arm, line, cause: named, example } = verdict;
  const title = `  ${clip(`${route} ${arm}: ${line}`, LONGEST_SAID)}`;
  if (named === undefined) return [title, ''];
  const shown = telling(verdict, rows).slice(0, MOST_FIELDS);
  return [
    title,
    `    ${HOP_CAUSES[named]}`,
    ...columns([
      ['field', 'client sent', 'hop forwarded', 'in the prompt'],
      ...shown.map((row) => [
        row.field,
        row.sent === undefined ? '–' : visible(row.sent),
        forwardedCell(row),
        row.rendered === '' ? '–' : row.rendered,
      ]),
    ]).map((text) => `      ${text}`),
    ...(example === undefined
      ? []
      : [
          `      wanted  …${visible(example.wanted)}`,
          `      got     …${visible(example.rendered)}`,
          `      e.g. ${visible(example.scenario)}, cut after ${example.k} tokens`,
        ]),
    '',
  ];
}

const IMPORTANT = /^messages\[-1\]\.(?:content|reasoning)|continue_final_message|prefix/;

function forwardedCell({ forwarded, change, detail }: HopRow): string {
  const value = forwarded === undefined ? '–' : visible(forwarded);
  if (change === 'kept') return `${value} (kept)`;
  return `${value} (${change}${detail === '' ? '' : `: ${visible(detail)}`})`;
}

/** Columns to the left, at most so wide. */
function columns(rows: readonly (readonly string[])[], most = 44): string[] {
  const cut = rows.map((row) =>
    row.map((text) => (text.length > most ? `${text.slice(0, most - 1)}…` : text)),
  );
  const widths: number[] = [];
  for (const row of cut)
    for (const [i, text] of row.entries()) widths[i] = Math.max(widths[i] ?? 0, text.length);
  return cut.map((row) =>
    row
      .map((text, i) => text.padEnd(widths[i] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}
