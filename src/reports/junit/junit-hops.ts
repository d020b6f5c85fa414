/** Ways through gateways as test cases: one that a gateway harmed has failed. */
import { HOP_CAUSES } from '../../diagnosis/hop-causes.ts';
import { clip } from '../markdown/markdown-text.ts';
import {
  countsIn,
  MOST_FIELDS,
  MOST_VERDICTS,
  telling,
  type HopRow,
  type HopVerdict,
} from '../hops.ts';
import { plural, seamsOf } from '../matrix.ts';
import type { RunRecord } from '../record.ts';

/** Texts are not escaped yet. */
export interface HopCase {
  readonly hop: string;
  readonly name: string;
  readonly failure?: { readonly type: string; readonly message: string; readonly text: string };
  readonly error?: string;
  readonly out: string;
}

/** A case for each route and arm. */
export function hopCases({ hops: report }: Pick<RunRecord, 'hops'>): HopCase[] {
  if (report === undefined) return [];
  const via = report.hops
    .slice(0, 8)
    .map(({ name, version }) => `${name} ${version}`)
    .join(', ');
  return report.verdicts.slice(0, MOST_VERDICTS).map((verdict): HopCase => {
    const { route, arm, harmed, cause, proxied } = verdict;
    const rows = telling(verdict, report.rows).slice(0, MOST_FIELDS).map(rowOf);
    const common = { hop: clip(via, 200), name: clip(`${route} ${arm}`, 200), out: outOf(verdict) };
    if (harmed > 0 && cause !== undefined)
      return {
        ...common,
        failure: {
          type: `gateway.${cause}`,
          message: `${plural(harmed, 'resume')}: ${HOP_CAUSES[cause]}`,
          text: [clip(verdict.line, 600), ...rows].join('\n'),
        },
      };
    return proxied.error > 0
      ? {
          ...common,
          error: `${proxied.error} of ${seamsOf(proxied)} resumes could not be judged`,
        }
      : common;
  });
}

/** What was not tested of gateways, as skipped cases. */
export function hopsSkipped({ hops }: Pick<RunRecord, 'hops'>): RunRecord['notTested'] {
  return (hops?.notTested ?? []).map((what) => {
    const at = what.indexOf(': ');
    return at < 0
      ? { what: `gateway: ${what}`, why: 'not tested' }
      : { what: `gateway: ${what.slice(0, at)}`, why: what.slice(at + 2) };
  });
}

function outOf({ direct, proxied, oracle, line }: HopVerdict): string {
  return [
    `straight to the engine: ${countsIn(direct)}${oracle === 'count' ? ' (by count)' : ''}`,
    `through the gateway: ${countsIn(proxied)}`,
    clip(line, 600),
  ].join('\n');
}

function rowOf({ field, sent, forwarded, change, detail, rendered }: HopRow): string {
  const became = `${change}${detail === '' ? '' : `: ${clip(detail, 80)}`}`;
  const place = rendered === '' ? '' : `; in the prompt: ${clip(rendered, 80)}`;
  return `${clip(field, 80)}: ${clip(sent ?? '–', 130)} → ${clip(forwarded ?? '–', 130)} (${became})${place}`;
}
