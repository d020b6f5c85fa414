/**
 * JUnit XML for continuous integration: a test case a phase and strategy, a failure in it for each
 * finding seen there, a test case a way through a gateway, and what was not tested as skipped cases.
 * It holds only characters that XML 1.0 has.
 */
import { VERDICTS } from '../../checks/verdict.ts';
import { CAUSES } from '../../diagnosis/causes.ts';
import { controlWords } from '../controls.ts';
import { hopCases, hopsSkipped, type HopCase } from './junit-hops.ts';
import { spelledOut } from './junit-text.ts';
import { endedEarly, engineOf, seamsOf, worstFirst } from '../matrix.ts';
import type { Finding, RunRecord, VerdictCounts } from '../record.ts';

/** Characters of one text at most. */
const LONGEST = 4000;

/** Failures listed in one case, and skipped cases, at most. */
const MOST_FAILURES = 100;
const MOST_CASES = 2000;

interface Case {
  readonly phase: string;
  readonly strategy: string;
  readonly verdicts: VerdictCounts | undefined;
  readonly findings: { readonly finding: Finding; readonly count: number }[];
}

export function junitReport(record: RunRecord): string {
  const engine = engineOf(record);
  const cases = casesOf(record).slice(0, MOST_CASES);
  const arms = hopCases(record);
  const skipped = [...record.notTested, ...hopsSkipped(record)].slice(0, MOST_CASES);
  const early = endedEarly(record);
  const troubles = [
    ...(early === undefined ? [] : [early]),
    ...record.errors.slice(0, MOST_FAILURES),
    ...(record.hops?.errors.slice(0, MOST_FAILURES) ?? []),
  ];
  const failing =
    cases.filter((one) => one.findings.length > 0).length +
    arms.filter(({ failure }) => failure !== undefined).length;
  const erring =
    cases.filter((one) => one.findings.length === 0 && (one.verdicts?.error ?? 0) > 0).length +
    arms.filter(({ error }) => error !== undefined).length;
  const errors = erring + (troubles.length > 0 ? 1 : 0);
  const tests = cases.length + arms.length + skipped.length + (troubles.length > 0 ? 1 : 0);
  const counts = `tests="${tests}" failures="${failing}" errors="${errors}" skipped="${skipped.length}" time="${record.totals.seconds.toFixed(3)}"`;
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites name="seamstress" ${counts}>`,
    `  <testsuite name="${attribute(`seamstress ${engine}`)}" timestamp="${attribute(record.startedAt.slice(0, 19))}" ${counts}>`,
    '    <properties>',
    ...propertiesOf(record).map(
      ([name, value]) => `      <property name="${name}" value="${attribute(value)}"/>`,
    ),
    '    </properties>',
    ...cases.flatMap((one) => caseOf(one, engine)),
    ...arms.flatMap((one) => hopCaseOf(one, engine)),
    ...(troubles.length === 0
      ? []
      : [
          `    <testcase classname="${attribute(engine)}" name="the run itself">`,
          `      <error message="${attribute(troubles[0] ?? '')}">${body(troubles.join('\n'))}</error>`,
          '    </testcase>',
        ]),
    ...skipped.flatMap(({ what, why, count }) => [
      `    <testcase classname="${attribute(`${engine}.not tested`)}" name="${attribute(count === undefined ? what : `${count} ${what}`)}">`,
      `      <skipped message="${attribute(why)}"/>`,
      '    </testcase>',
    ]),
    '  </testsuite>',
    '</testsuites>',
    '',
  ].join('\n');
}

function propertiesOf(record: RunRecord): [string, string][] {
  const { target, plan, tool } = record;
  return [
    ['tool', `${tool.name} ${tool.version}`],
    ['model', target.model],
    ['dialect', target.dialect],
    ['chatTemplateSha256', target.chatTemplateSha256 ?? 'unknown'],
    ['tokenizerSha256', target.tokenizerSha256 ?? 'unknown'],
    ['seed', String(plan.seed)],
    ['compare', plan.compare === 0 ? 'prompts alone' : `${plan.compare} tokens`],
    ['controls', controlWords(record).join(', ')],
    ...(target.faults ?? []).map((fault): [string, string] => ['planted fault', fault]),
  ];
}

/** A case for each cell of the matrix, and for each place of a finding that the matrix lacks. */
function casesOf({ totals, findings }: RunRecord): Case[] {
  const cases = new Map<string, Case>();
  const at = (phase: string, strategy: string, verdicts?: VerdictCounts): Case => {
    const key = `${phase} ${strategy}`;
    const known = cases.get(key) ?? { phase, strategy, verdicts, findings: [] };
    cases.set(key, known);
    return known;
  };
  for (const { phase, strategy, verdicts } of totals.matrix) at(phase, strategy, verdicts);
  for (const finding of worstFirst(findings))
    for (const { phase, strategy, count } of finding.where)
      at(phase, strategy).findings.push({ finding, count });
  return [...cases.values()];
}

function caseOf({ phase, strategy, verdicts, findings }: Case, engine: string): string[] {
  const tally =
    verdicts === undefined
      ? ''
      : VERDICTS.filter((verdict) => (verdicts[verdict] ?? 0) > 0)
          .map((verdict) => `${verdict} ${verdicts[verdict]}`)
          .join(', ');
  const failures = findings.slice(0, MOST_FAILURES).map(({ finding, count }) => {
    const { summary, replay, cause, culprit, verdict } = finding;
    const text = [summary, `Culprit: ${culprit}`, `Reproduce: ${replay.command}`, ...replay.curl];
    return `      <failure type="${attribute(`${verdict}.${cause}`)}" message="${attribute(`${count} seams: ${CAUSES[cause].title}`)}">${body(text.join('\n'))}</failure>`;
  });
  const failed = verdicts?.error ?? 0;
  return [
    `    <testcase classname="${attribute(`${engine}.${strategy}`)}" name="${attribute(phase)}">`,
    ...failures,
    ...(failures.length === 0 && failed > 0
      ? [
          `      <error message="${failed} of ${verdicts === undefined ? failed : seamsOf(verdicts)} seams could not be judged"/>`,
        ]
      : []),
    ...(tally === '' ? [] : [`      <system-out>${body(tally)}</system-out>`]),
    '    </testcase>',
  ];
}

function hopCaseOf({ hop, name, failure, error, out }: HopCase, engine: string): string[] {
  return [
    `    <testcase classname="${attribute(`${engine}.via ${hop}`)}" name="${attribute(name)}">`,
    ...(failure === undefined
      ? []
      : [
          `      <failure type="${attribute(failure.type)}" message="${attribute(failure.message)}">${body(failure.text)}</failure>`,
        ]),
    ...(error === undefined ? [] : [`      <error message="${attribute(error)}"/>`]),
    `      <system-out>${body(out)}</system-out>`,
    '    </testcase>',
  ];
}

function attribute(text: string): string {
  return escape(spelledOut(text, 600)).replaceAll('\n', '&#10;').replaceAll('\t', '&#9;');
}

function body(text: string): string {
  return escape(spelledOut(text, LONGEST));
}

function escape(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}
