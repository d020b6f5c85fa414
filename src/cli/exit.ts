/** The exit status of a finished run, as the command contract has it. */
import type { Verdict } from '../checks/verdict.ts';
import { isInconclusive } from '../reports/matrix.ts';
import type { RunRecord } from '../reports/record.ts';

export function exitStatusOf(record: RunRecord, failOn: ReadonlySet<Verdict>): 0 | 1 | 3 | 130 {
  if (record.interrupted === 'signal') return 130;
  if (record.interrupted === 'target-lost') return 3;
  if (record.findings.some((finding) => failOn.has(finding.verdict))) return 1;
  if ((record.tokenization?.comparison?.differing ?? 0) > 0) return 1;
  return isInconclusive(record) ? 3 : 0;
}
