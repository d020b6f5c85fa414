/** The journal's line for a judged seam. */
import type { JudgedSeam } from '../checks/seam.ts';
import type { Named } from '../diagnosis/causes.ts';
import type { SeamLine } from '../reports/record.ts';

/** @param pauses earlier pauses of the same generation */
export function lineOf(
  seam: JudgedSeam,
  named: Named | undefined,
  pauses: readonly number[] = [],
): SeamLine {
  const { plan, continuation, prompt } = seam;
  const { generation } = plan.subject;
  const flip = continuation?.flip;
  return {
    scenario: generation.scenario.id,
    k: plan.k,
    n: generation.length,
    ...(pauses.length > 0 ? { pauses } : {}),
    ...(generation.synthetic ? { synthetic: true } : {}),
    phase: seam.phase,
    strategy: plan.strategy.name,
    way: plan.way,
    verdict: seam.verdict,
    ...(seam.check === undefined ? {} : { check: seam.check }),
    basis: seam.basis,
    ...(named === undefined ? {} : { cause: named.cause, detail: named.detail }),
    ...(prompt === undefined || prompt.kept === plan.k ? {} : { kept: prompt.kept }),
    ...(continuation === undefined ? {} : { compared: continuation.compared }),
    ...(flip === undefined
      ? {}
      : { flip: { at: flip.at, ...(flip.gap === undefined ? {} : { gap: flip.gap }) } }),
    ...(seam.reruns === 0 ? {} : { reruns: seam.reruns }),
    ...(seam.error === undefined ? {} : { error: seam.error }),
  };
}
