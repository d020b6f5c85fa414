/** The controls of a run in a few words, for reports that have a line for them. */
import { nats } from './matrix.ts';
import type { RunRecord } from './record.ts';

/** One piece a control; what was not made is said to be so. */
export function controlWords({ controls }: Pick<RunRecord, 'controls'>): string[] {
  const { repeats, repeatDisagreements, tokenControl, realCuts, tau } = controls;
  const measured = repeats > 0 || tokenControl.tried > 0;
  return [
    `repeat ${share(repeats - repeatDisagreements, repeats, 'identical')}`,
    `token ids ${share(tokenControl.exact, tokenControl.tried, 'exact')}`,
    `τ ${measured ? `${nats(tau)} nat` : 'not measured'}`,
    `real cuts ${share(realCuts.asDerived, realCuts.tried, 'as derived')}`,
  ];
}

function share(good: number, all: number, what: string): string {
  return all === 0 ? 'not made' : `${good}/${all} ${what}`;
}
