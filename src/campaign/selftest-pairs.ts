/** Which faults are planted together. */
import type { FaultName, PlantedFault } from '../reference/faults.ts';

/** One or two of each kind; all pairs of all faults would take an hour. */
export const PAIRED: readonly FaultName[] = [
  'client-trims-whitespace',
  'prefill-dropped',
  'reasoning-lost',
  'newline-before-close',
  'thinking-reopened',
  'bos-doubled',
  'retokenize',
  'content-as-reasoning',
  'prefill-echoed',
  'stale-cache',
  'closed-in-event',
  'crlf-lines',
];

/** Every two of them. */
export function pairsOf(
  faults: readonly PlantedFault[],
): (readonly [PlantedFault, PlantedFault])[] {
  return faults.flatMap((first, i) =>
    faults.slice(i + 1).map((second) => [first, second] as const),
  );
}
