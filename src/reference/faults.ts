/** The catalogue of faults that can be planted in the reference server. */
import { SeamstressError } from '../errors.ts';
import { hashText, unit } from './hash.ts';

export type FaultName =
  | 'prefill-dropped'
  | 'turn-closed'
  | 'prefill-refused'
  | 'trailing-space-stripped'
  | 'newline-before-close'
  | 'reasoning-lost'
  | 'thinking-reopened'
  | 'content-as-reasoning'
  | 'prefill-echoed'
  | 'partial-char-dropped'
  | 'bos-doubled'
  | 'retokenize'
  | 'near-tie-noise';

/** A fault as it is planted. */
export interface PlantedFault {
  readonly name: FaultName;
  /** The share of requests that it strikes, 0 to 1; 1 is always. */
  readonly rate: number;
}

export interface FaultInfo {
  /** One line of what it does. */
  readonly title: string;
  /** Who would be to blame for it on a real chain of client, gateway and server. */
  readonly culprit:
    | 'client'
    | 'gateway'
    | 'template'
    | 'tokenizer'
    | 'parser'
    | 'engine'
    | 'transport';
}

/** Every fault that can be planted. */
export const FAULTS: Readonly<Record<FaultName, FaultInfo>> = {
  'prefill-dropped': { title: 'the trailing assistant message is ignored', culprit: 'gateway' },
  'turn-closed': {
    title: 'the trailing assistant turn is closed and a new turn is opened',
    culprit: 'template',
  },
  'prefill-refused': {
    title: 'any trailing assistant message is refused with HTTP 400',
    culprit: 'engine',
  },
  'trailing-space-stripped': {
    title: 'white space at the end of the trailing assistant message is removed',
    culprit: 'template',
  },
  'newline-before-close': {
    title: 'an extra line break is put before </think> in a resumed prompt',
    culprit: 'template',
  },
  'reasoning-lost': {
    title: 'the reasoning of the trailing assistant message is left out',
    culprit: 'template',
  },
  'thinking-reopened': {
    title: 'a second <think> is opened after thinking was closed, or before the content',
    culprit: 'template',
  },
  'content-as-reasoning': {
    title: 'content of a resumed stream is labelled as reasoning',
    culprit: 'parser',
  },
  'prefill-echoed': {
    title: 'a resumed stream begins by sending the prefill again',
    culprit: 'parser',
  },
  'partial-char-dropped': {
    title: 'the first character of a resumed stream that takes several tokens is lost',
    culprit: 'parser',
  },
  'bos-doubled': { title: 'a resumed prompt begins with the BOS token twice', culprit: 'template' },
  retokenize: {
    title: 'prompt texts are encoded from scratch: the tokens that were generated are forgotten',
    culprit: 'tokenizer',
  },
  'near-tie-noise': {
    title: 'some positions nearly tie and fall one way or the other from request to request',
    culprit: 'engine',
  },
};

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
