/** The controls of a run in a few words, for reports that have a line for them. */
import { nats } from './matrix.ts';
import type { RunRecord } from './record.ts';

/** One piece a control; what was not made is said to be so. */
export function controlWords(record: Pick<RunRecord, 'controls' | 'plan'>): string[] {
  const { repeats, repeatDisagreements, tokenControl, realCuts } = record.controls;
  return [
    `repeat ${share(repeats - repeatDisagreements, repeats, 'identical')}`,
    `token ids ${share(tokenControl.exact, tokenControl.tried, 'exact')}`,
    `τ ${tauWords(record)}`,
    `real cuts ${share(realCuts.asDerived, realCuts.tried, 'as derived')}`,
  ];
}

/** The noise floor; prompts alone need none, and the few repeats there do not make one. */
export function tauWords({ controls, plan }: Pick<RunRecord, 'controls' | 'plan'>): string {
  const measured = plan.compare > 0 && (controls.repeats > 0 || controls.tokenControl.tried > 0);
  return measured ? `${nats(controls.tau)} nat` : 'not measured';
}

function share(good: number, all: number, what: string): string {
  return all === 0 ? 'not made' : `${good}/${all} ${what}`;
}
