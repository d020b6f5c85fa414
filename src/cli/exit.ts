/** The exit status of a finished run, as the command contract has it. */
import type { Verdict } from '../checks/verdict.ts';
import type { RunRecord } from '../reports/record.ts';

export function exitStatusOf(record: RunRecord, failOn: ReadonlySet<Verdict>): 0 | 1 | 3 | 130 {
  const { verdicts, seams } = record.totals;
  if (record.interrupted === 'signal') return 130;
  if (record.interrupted === 'target-lost') return 3;
  if (record.findings.some((finding) => failOn.has(finding.verdict))) return 1;
  if ((record.tokenization?.comparison?.differing ?? 0) > 0) return 1;
  const conclusive = verdicts.exact + verdicts.drift + verdicts.diverged + verdicts.rejected;
  const unfinished = record.plan.mode === 'sweep' && seams < record.plan.seams;
  return conclusive === 0 || verdicts.error > 0 || record.errors.length > 0 || unfinished ? 3 : 0;
}
