/** What gateways made of resumes, for a Markdown report: a line a route and arm, and the fields of each that did harm. */
import { HOP_CAUSES } from '../../diagnosis/hop-causes.ts';
import { visible } from '../../tokens/text.ts';
import {
  countsIn,
  MOST_FIELDS,
  MOST_VERDICTS,
  saidOf,
  telling,
  type HopVerdict,
  type HopsReport,
} from '../hops.ts';
import { grouped, plural } from '../matrix.ts';
import type { RunRecord } from '../record.ts';
import { clip, codeSpan, fenced, own } from './markdown-text.ts';

/** The verdicts with and without the gateways; empty where none was tested. */
export function hopsTable({ hops: report }: Pick<RunRecord, 'hops'>): string {
  if (report === undefined) return '';
  const { verdicts, cuts } = report;
  const more = verdicts.length - MOST_VERDICTS;
  return [
    `**Gateways**: client → ${codeSpan(namesOf(report), 200)} → ${codeSpan(report.engine, 80)} · ${plural(cuts, 'cut')}, each really sent`,
    [
      '| route | arm | straight to the engine | through the gateway | harmed | by |',
      '|---|---|---|---|--:|---|',
      ...verdicts.slice(0, MOST_VERDICTS).map(rowOf),
    ].join('\n'),
    ...(more > 0 ? [`${plural(more, 'more arm')} left out.`] : []),
  ].join('\n\n');
}

function namesOf({ hops }: HopsReport): string {
  return hops
    .slice(0, 8)
    .map(({ name, version }) => `${name} ${version}`)
    .join(' → ');
}

function rowOf({ route, arm, direct, proxied, oracle, harmed, hop, cause }: HopVerdict): string {
  const by =
    hop === undefined || cause === undefined ? '·' : `${codeSpan(hop, 80)}: ${codeSpan(cause)}`;
  const cells = [
    codeSpan(route, 80),
    codeSpan(arm, 40),
    countsIn(direct) + (oracle === 'count' ? ' (by count)' : ''),
    countsIn(proxied),
    harmed === 0 ? '·' : grouped(harmed),
    by,
  ];
  return `| ${cells.join(' | ')} |`;
}

/** A block for each arm with a cause: what the gateway did, field by field, and one example. */
export function hopsFields({ hops: report }: Pick<RunRecord, 'hops'>): string[] {
  return (report?.verdicts.slice(0, MOST_VERDICTS) ?? []).flatMap((verdict) => {
    const { route, arm, cause, line, example } = verdict;
    if (cause === undefined) return [];
    const rows = telling(verdict, report?.rows ?? []);
    const more = rows.length - MOST_FIELDS;
    const texts =
      example === undefined
        ? []
        : [
            fenced([
              `wanted  …${visible(clip(example.wanted, 200))}`,
              `got     …${visible(clip(example.rendered, 200))}`,
              `e.g. ${clip(example.scenario, 80)}, cut after ${example.k} tokens`,
            ]),
          ];
    return [
      [
        '<details><summary>Fields at a gateway</summary>',
        `${codeSpan(route, 80)} ${codeSpan(arm, 40)}: ${own(HOP_CAUSES[cause])}`,
        codeSpan(line, 500),
        [
          '| field | client sent | gateway forwarded | change | in the prompt |',
          '|---|---|---|---|---|',
          ...rows
            .slice(0, MOST_FIELDS)
            .map(
              ({ field, sent, forwarded, change, detail, rendered }) =>
                `| ${codeSpan(field, 80)} | ${valueOf(sent)} | ${valueOf(forwarded)} | ${change}${detail === '' ? '' : `: ${codeSpan(detail, 80)}`} | ${rendered === '' ? '·' : codeSpan(rendered, 80)} |`,
            ),
        ].join('\n'),
        ...(more > 0 ? [`${plural(more, 'more field')} left out.`] : []),
        ...texts,
        '</details>',
      ].join('\n\n'),
    ];
  });
}

/** What was not tested of gateways, and errors. */
export function hopsSaid({ hops: report }: Pick<RunRecord, 'hops'>): string {
  if (report === undefined) return '';
  return saidOf(report)
    .map((said) => {
      const [kind = '', ...rest] = said.split(': ');
      return `- gateways, ${kind}: ${codeSpan(rest.join(': '), 300)}`;
    })
    .join('\n');
}

function valueOf(value: string | undefined): string {
  return value === undefined ? '·' : codeSpan(value, 130);
}
