/** From judged trials to counts and findings. */
import { CAUSES } from '../diagnosis/causes.ts';
import { checkNamed } from './checks/catalogue.ts';
import { AUDIT_CHECKS, type AuditCheckName } from './checks/check.ts';
import type { AuditFinding, AuditRecord, RecordedCheck, RecordedTrial } from './record.ts';

/** How often each check passed, failed, and had nothing to see. */
export function tallyOf(trials: readonly RecordedTrial[]): AuditRecord['checks'] {
  const rows = AUDIT_CHECKS.map((name) => {
    const own = trials.flatMap(({ checks }) => checks.filter(({ check }) => check === name));
    const count = (verdict: RecordedCheck['verdict']): number =>
      own.filter((check) => check.verdict === verdict).length;
    return [
      name,
      { pass: count('pass'), fail: count('fail'), 'not-seen': count('not-seen') },
    ] as const;
  });
  return Object.fromEntries(rows) as AuditRecord['checks'];
}

/** A failure that only follows from another one of the same trial is a part of its finding. */
const FOLLOWS: Partial<Readonly<Record<AuditCheckName, AuditCheckName>>> = {
  resumes: 'break-noticed',
  'prefill-whole': 'no-duplicates',
};

/** What a failure is grouped by: its cause, else its check. */
function groupOf({ cause, check }: RecordedCheck, others: readonly RecordedCheck[]): string {
  const before = FOLLOWS[check];
  const follows = others.some((other) => other.check === before && other.verdict === 'fail');
  return cause ?? (before !== undefined && follows ? before : check);
}

/** One finding for each cause, and for each check that failed without one. */
export function findingsOf(trials: readonly RecordedTrial[]): AuditFinding[] {
  const groups = new Map<string, { trial: string; failed: RecordedCheck }[]>();
  for (const { name, checks } of trials)
    for (const failed of checks.filter(({ verdict }) => verdict === 'fail')) {
      const id = groupOf(failed, checks);
      groups.set(id, [...(groups.get(id) ?? []), { trial: name, failed }]);
    }
  return [...groups].flatMap(([id, failures]) => {
    const [first] = failures;
    if (first === undefined) return [];
    const { cause } = first.failed;
    return [
      {
        id,
        culprit: cause === undefined ? ('client' as const) : CAUSES[cause].culprit,
        cause,
        title: cause === undefined ? checkNamed(id as AuditCheckName).wrong : CAUSES[cause].title,
        checks: unique(failures.map(({ failed }) => failed.check)),
        trials: unique(failures.map(({ trial }) => trial)),
        example: { ...first.failed, trial: first.trial },
      },
    ];
  });
}

function unique<T extends string>(items: readonly T[]): T[] {
  return [...new Set(items)];
}
