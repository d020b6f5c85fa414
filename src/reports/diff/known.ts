/** Marks what a baseline knows among the new findings of a diff. */
import type { AppliedBaseline } from '../baseline/baseline.ts';
import type { RunDiff } from './types.ts';

/** @param applied the baseline, applied to run B */
export function markKnown(diff: RunDiff, { known }: AppliedBaseline): RunDiff {
  return {
    ...diff,
    findings: diff.findings.map((finding) => {
      const entry = known.find((one) => one.finding.id === finding.id.b)?.entries[0];
      return finding.status !== 'new' || entry === undefined
        ? finding
        : { ...finding, known: `${entry.reason} (${entry.owner}, until ${entry.expires})` };
    }),
  };
}
