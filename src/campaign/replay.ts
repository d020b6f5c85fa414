/** Judges the minimal example of a finding again, from the finding's file alone. */
import type { JudgedSeam } from '../checks/seam.ts';
import { FAILING } from '../checks/verdict.ts';
import type { Target } from '../dialects/dialect.ts';
import type { Finding } from '../reports/record.ts';
import { strategiesNamed } from '../seam/named.ts';
import { derive, type Subject } from '../seam/subject.ts';
import { Controls } from './controls.ts';
import { judgeFor } from './judge-text.ts';
import { causeOf } from './ledger.ts';
import { restoreGeneration } from './report.ts';

/** `reproduced`: the same failure; `gone`: the seam is exact now; `changed`: it fails in another way. */
export type ReplayOutcome = 'reproduced' | 'gone' | 'changed' | 'unusable';

export interface Replay {
  readonly outcome: ReplayOutcome;
  readonly seam: JudgedSeam;
  readonly text: string;
}

/** Tokens compared after the cut. */
const COMPARE = 64;

export async function replayFinding(
  target: Target,
  finding: Finding,
  signal: AbortSignal,
): Promise<Replay> {
  const { minimal } = finding;
  const generation = restoreGeneration(minimal);
  const subject: Subject = {
    ...derive(generation),
    repeat: { tried: 0, disagreements: 0, noise: 0 },
    told: 0,
  };
  const strategy = strategiesNamed([finding.strategy])[0];
  if (strategy === undefined)
    throw new Error('unreachable: strategiesNamed throws for an unknown name');
  const controls = new Controls(target, COMPARE, signal);
  const judge = judgeFor(target, controls, { compare: COMPARE, signal });
  const needsResume = finding.check === 'shape' || finding.check === 'continuation';
  const seam = await judge.judge({
    subject,
    strategy,
    k: minimal.k,
    way: minimal.way,
    view: minimal.view,
    resume: needsResume ? 'whole' : 'none',
  });
  return { ...compare(finding, seam), seam };
}

function compare(finding: Finding, seam: JudgedSeam): Pick<Replay, 'outcome' | 'text'> {
  if (seam.verdict === 'exact') return { outcome: 'gone', text: 'the seam is exact now' };
  if (!FAILING.has(seam.verdict))
    return {
      outcome: 'unusable',
      text: seam.error ?? 'the seam is unstable: the same request gives different answers',
    };
  const named = causeOf(seam);
  if (named?.cause === finding.cause && named.detail === finding.detail)
    return { outcome: 'reproduced', text: `${finding.cause}, ${seam.verdict}` };
  return {
    outcome: 'changed',
    text: `was ${finding.cause}, is ${named?.cause ?? 'unknown'} (${seam.verdict})`,
  };
}
