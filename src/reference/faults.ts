/** Faults as they are planted: how they are named on a command line, and which requests they strike. */
import { SeamstressError } from '../errors.ts';
import { FAULTS, type FaultName } from './fault-catalogue.ts';
import { hashText, unit } from './hash.ts';

export { FAULTS, type FaultName };

/** A fault as it is planted. */
export interface PlantedFault {
  readonly name: FaultName;
  /** The share of requests that it strikes, 0 to 1; 1 is always. */
  readonly rate: number;
}

/**
 * Reads `name` or `name@rate`.
 *
 * @throws {SeamstressError} `usage` for an unknown name or a rate that is not in 0..1.
 */
export function parseFault(text: string): PlantedFault {
  const [name = '', rate, ...more] = text.split('@');
  if (!isFaultName(name))
    throw new SeamstressError('usage', `there is no fault "${name}"`, { hint: hintFor(name) });
  const share = rate === undefined ? 1 : Number(rate);
  if (rate === '' || more.length > 0 || !(share >= 0 && share <= 1))
    throw new SeamstressError('usage', `"${text}" does not give a rate between 0 and 1`, {
      hint: `Write ${name}, or for a quarter of the requests ${name}@0.25.`,
    });
  return { name, rate: share };
}

function isFaultName(name: string): name is FaultName {
  return Object.hasOwn(FAULTS, name);
}

function hintFor(name: string): string {
  const names = Object.keys(FAULTS);
  const near = names
    .map((known) => ({ known, distance: editDistance(name.toLowerCase(), known) }))
    .filter(({ known, distance }) => distance <= Math.max(2, known.length / 3))
    .toSorted((a, b) => a.distance - b.distance)
    .slice(0, 3)
    .map(({ known }) => known);
  return near.length > 0 ? `Did you mean ${near.join(' or ')}?` : `Faults: ${names.join(', ')}.`;
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++)
      next.push(
        Math.min(
          (row[j] ?? 0) + 1,
          (next[j - 1] ?? 0) + 1,
          (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1),
        ),
      );
    row = next;
  }
  return row[b.length] ?? 0;
}

/** The faults of a server, asked for each request. */
export class Plan {
  readonly #faults: ReadonlyMap<FaultName, number>;
  readonly #seed: number;

  constructor(faults: readonly PlantedFault[], seed: number) {
    this.#faults = new Map(faults.map((fault) => [fault.name, fault.rate]));
    this.#seed = seed;
  }

  /** True when the fault is planted at all, at any rate above 0. */
  planted(name: FaultName): boolean {
    return (this.#faults.get(name) ?? 0) > 0;
  }

  /**
   * True when the fault strikes the request that `key` stands for. The same key always gets the
   * same answer, so `/apply-template` and the chat treat a conversation alike.
   */
  strikes(name: FaultName, key: string): boolean {
    const rate = this.#faults.get(name) ?? 0;
    return rate >= 1 || (rate > 0 && unit(hashText(`${name}\n${key}`, this.#seed)) < rate);
  }
}
