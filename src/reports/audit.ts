/** The summary of an audit for a terminal. What clients and models wrote is never sent raw. */
import { AUDIT_CHECKS } from '../audit/checks/check.ts';
import { checkNamed } from '../audit/checks/catalogue.ts';
import { INTERRUPTION_NAMES, INTERRUPTIONS, type Interruption } from '../audit/plan.ts';
import type { AuditFinding, AuditRecord, RecordedTrial } from '../audit/record.ts';
import { visible } from '../tokens/text.ts';
import { table } from './terminal/table.ts';

const LONGEST = 160;

/** The whole summary, ending with a line break. */
export function auditReport(record: AuditRecord, folder: string): string {
  return [
    heading(record),
    '',
    ...indent(table(trialRows(record))),
    '',
    ...indent(table(checkRows(record))),
    '',
    ...indent(findings(record)),
    ...indent(listed('not tested', notTested(record))),
    ...indent(listed('inconclusive', record.problems)),
    `${record.interrupted ? 'stopped by you; ' : ''}${folder}   audit.json · requests.ndjson`,
    '',
  ].join('\n');
}

function indent(lines: readonly string[]): string[] {
  return lines.map((line) => (line === '' ? '' : `  ${line}`));
}

function heading({ name, client, server, expect }: AuditRecord): string {
  const kept = {
    none: 'not isolated',
    environment: 'isolated environment, network open',
    network: 'isolated, loopback only',
  }[client.isolation];
  return visible(
    [
      client.package === undefined ? name : `${client.package} ${client.version ?? ''}`.trim(),
      `persona ${server.persona}${server.faults.length === 0 ? '' : ` with ${server.faults.join(', ')}`}`,
      `expected to ${expect}`,
      kept,
    ].join(' · '),
  );
}

function trialRows({ trials }: AuditRecord): string[][] {
  const width = 2 + Math.max(...trials.map(({ name }) => name.length));
  return [
    ['trial', 'requests', 'pass', 'fail', 'not seen'],
    ...trials.map((trial) => {
      const count = (verdict: string): string =>
        String(trial.checks.filter((check) => check.verdict === verdict).length);
      return [
        `${trial.name.padEnd(width)}${trial.name === 'control' ? 'no interruption' : wordsOf(trial)}`,
        String(trial.requests),
        count('pass'),
        count('fail'),
        count('not-seen'),
      ];
    }),
  ];
}

function wordsOf({ interruption, made }: RecordedTrial): string {
  const name = INTERRUPTION_NAMES.find((known) => sameAs(interruption, INTERRUPTIONS[known]));
  const own = [
    ...(interruption.how === undefined ? [] : [`${interruption.how} at ${interruption.at ?? ''}`]),
    ...(interruption.refusePrefill ? ['a trailing assistant message is refused'] : []),
  ];
  const words = name === undefined ? own.join('; ') : INTERRUPTIONS[name].describe;
  return `${words === '' ? 'no interruption' : words}${made || words === '' ? '' : ' (not reached)'}`;
}

function sameAs(a: Interruption, b: Interruption): boolean {
  return a.at === b.at && a.how === b.how && a.refusePrefill === b.refusePrefill;
}

function checkRows({ checks }: AuditRecord): string[][] {
  return [
    ['check', 'pass', 'fail', 'not seen'],
    ...AUDIT_CHECKS.map((name) => [
      `${name.padEnd(20)}${checkNamed(name).right}`,
      String(checks[name].pass),
      String(checks[name].fail),
      String(checks[name]['not-seen']),
    ]),
  ];
}

function findings({ findings: list }: AuditRecord): string[] {
  if (list.length === 0) return ['no findings', ''];
  return [
    list.length === 1 ? '1 finding' : `${list.length} findings`,
    ...list.flatMap((finding, i) => describe(finding, i + 1)),
    '',
  ];
}

function describe(finding: AuditFinding, number: number): string[] {
  const { example } = finding;
  const shown = example.turns.slice(0, 6).join(', ');
  return [
    '',
    `${number}  ${finding.culprit}: ${finding.id}`,
    `   ${finding.title}`,
    `   in ${finding.trials.join(', ')} · ${finding.checks.join(', ')}`,
    `   e.g. ${example.trial}: ${clip(example.detail)}`,
    ...(example.texts === undefined
      ? []
      : [
          ...(example.texts.held === '' ? [] : [`     received   ${clip(example.texts.held)}`]),
          `     sent back  ${clip(example.texts.sent)}`,
        ]),
    `   requests: grep '"trial":"${example.trial}"' requests.ndjson, n ${shown}`,
  ];
}

function notTested({ notTested: list }: AuditRecord): string[] {
  return list.map(({ what, why }) => `${what}: ${why}`);
}

function listed(title: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : [title, ...lines.map((line) => `  ${clip(line)}`), ''];
}

function clip(text: string): string {
  return visible(text.length <= LONGEST ? text : `${text.slice(0, LONGEST)}…`);
}
