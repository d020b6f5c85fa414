/**
 * Shadows: what the model makes of a prompt that it did not write. Greedy tokens of a prompt are
 * also those of every prompt that goes on with them, so that prompts of which one extends another
 * share one generation: all cuts of a generation cost about as many tokens as it has, not as many
 * for each of them. Most wrong prompts show at their first token that the model goes another way,
 * so that no more is asked of them.
 *
 * What is asked depends on the prompts of the list and on the answers, never on timing, so that a
 * tape answers it.
 */
import { Memo } from '../dialects/memo.ts';
import type { Completion, Target } from '../dialects/dialect.ts';
import { isFatal } from '../errors.ts';
import { TOP_CANDIDATES } from '../seam/candidates.ts';
import type { TokenEvent } from '../seam/generation.ts';
import type { Limit } from './limit.ts';

/** A prompt to be continued. */
export interface Wanted {
  readonly prompt: readonly number[];
  /**
   * True when these first tokens of the continuation tell all that is to be known. It must hold of
   * more tokens when it holds of some.
   */
  readonly settled: (tokens: readonly TokenEvent[]) => boolean;
}

/** The continuation of a prompt. */
export interface Shadow {
  /** Until what is to be known is settled, and at most as many as are compared. */
  readonly tokens: readonly TokenEvent[];
  /** The model ended within them. */
  readonly ended: boolean;
  /**
   * Where the request that gave a token began: its distance from the prompt's end in tokens,
   * negative where an earlier prompt of the chain was continued.
   *
   * @param at index into `tokens`
   */
  readonly begin: (at: number) => number;
}

/** Tokens that are asked for first where one is likely to settle it. */
const FIRST = 1;

export class Shadows {
  readonly #target: Target;
  readonly #compare: number;
  readonly #signal: AbortSignal;
  readonly #pieces = new Memo<Completion>(20_000);

  /** @param compare tokens of each continuation at most */
  constructor(target: Target, compare: number, signal: AbortSignal) {
    this.#target = target;
    this.#compare = compare;
    this.#signal = signal;
  }

  /**
   * Continues prompts; element i of the result is the shadow of element i, or why there is none.
   *
   * @throws what ends a run: its abort, a full disk
   */
  async follow(all: readonly Wanted[], limit: Limit): Promise<PromiseSettledResult<Shadow>[]> {
    const results: PromiseSettledResult<Shadow>[] = [];
    await Promise.all(
      chainsOf(all.map(({ prompt }) => prompt)).map((chain) =>
        limit(async () => {
          const own = chain.map((i) => all[i] as Wanted);
          for (const [n, result] of (await this.#chain(own)).entries())
            results[chain[n] as number] = result;
        }),
      ),
    );
    return results;
  }

  /** @param wanted the prompt of each extends the one before it */
  async #chain(wanted: readonly Wanted[]): Promise<PromiseSettledResult<Shadow>[]> {
    const results: PromiseSettledResult<Shadow>[] = [];
    const longest = wanted.at(-1)?.prompt.length ?? 0;
    let trail = new Trail([]);
    let settledSoon = true;
    for (const one of wanted) {
      const { prompt } = one;
      if (!trail.leadsTo(prompt)) trail = new Trail(prompt);
      const offset = prompt.length - trail.start.length;
      const most = longest - trail.start.length + this.#compare;
      const made = (): readonly TokenEvent[] => trail.from(offset, this.#compare).tokens;
      try {
        while (!trail.ended && made().length < this.#compare && !one.settled(made())) {
          // One token often settles it. Where it does not, and the model has written what this prompt
          // goes on with, it is likely to write what the others of the chain go on with.
          const first = settledSoon && made().length === 0;
          const far = first ? FIRST : this.#compare;
          await this.#extend(trail, offset > 0 && !first ? most : Math.min(most, offset + far));
          settledSoon = one.settled(made());
        }
        results.push({ status: 'fulfilled', value: trail.from(offset, this.#compare) });
      } catch (error) {
        if (this.#signal.aborted || isFatal(error)) throw error;
        results.push({ status: 'rejected', reason: error });
        trail = new Trail([]);
      }
    }
    return results;
  }

  /** Makes a trail longer: to `wanted` tokens, or to its end. */
  async #extend(trail: Trail, wanted: number): Promise<void> {
    const prompt = [...trail.start, ...trail.tokens.map(({ id }) => id)];
    const maxTokens = wanted - trail.tokens.length;
    const sampling = { maxTokens, top: TOP_CANDIDATES, cache: 'cold' } as const;
    const piece = await this.#pieces.get(
      `${maxTokens} ${prompt.join(' ')}`,
      async () => await this.#target.complete(prompt, sampling, this.#signal),
    );
    trail.add(piece.tokens, piece.tokens.length < maxTokens || piece.finish === 'stop');
  }
}

/** One greedy generation, made piece by piece. */
class Trail {
  readonly start: readonly number[];
  readonly tokens: TokenEvent[] = [];
  ended = false;
  readonly #begins: number[] = [];

  constructor(start: readonly number[]) {
    this.start = start;
  }

  add(piece: readonly TokenEvent[], ended: boolean): void {
    this.#begins.push(this.tokens.length);
    this.tokens.push(...piece);
    this.ended = ended;
  }

  /** True when a prompt is the start and tokens that the model then wrote. */
  leadsTo(prompt: readonly number[]): boolean {
    const { length } = this.start;
    return (
      length > 0 &&
      prompt.length >= length &&
      prompt.length <= length + this.tokens.length &&
      prompt.every((id, i) => id === (i < length ? this.start[i] : this.tokens[i - length]?.id))
    );
  }

  from(offset: number, length: number): Shadow {
    const begins = this.#begins;
    return {
      tokens: this.tokens.slice(offset, offset + length),
      ended: this.ended && this.tokens.length < offset + length,
      begin: (at) => (begins.findLast((begin) => begin <= offset + at) ?? 0) - offset,
    };
  }
}

/** Divides prompts, by their indices, into chains of which each prompt extends the one before it. */
export function chainsOf(prompts: readonly (readonly number[])[]): number[][] {
  const chains: number[][] = [];
  const byLength = prompts.map((_, i) => i).toSorted((a, b) => lengthOf(a) - lengthOf(b) || a - b);
  function lengthOf(i: number): number {
    return prompts[i]?.length ?? 0;
  }
  for (const i of byLength) {
    const prompt = prompts[i] ?? [];
    const chain = chains.find((one) => extendsOf(prompt, prompts[one.at(-1) as number] ?? []));
    if (chain === undefined) chains.push([i]);
    else chain.push(i);
  }
  return chains;
}

function extendsOf(longer: readonly number[], shorter: readonly number[]): boolean {
  return shorter.every((id, i) => longer[i] === id);
}
