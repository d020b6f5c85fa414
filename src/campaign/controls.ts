/**
 * The two controls that every campaign runs. *Repeat*: the uninterrupted run again, cold and
 * warm; what it changes is the noise floor. *Token control*: the cut resumed by token ids; it
 * bypasses template, tokenizer and parser, so that a divergence there is the engine's own.
 */
import { checkContinuation, type ContinuationEvidence } from '../checks/continuation.ts';
import type { Target } from '../dialects/dialect.ts';
import { TOP_CANDIDATES, type Candidates } from '../seam/candidates.ts';
import type { Generation } from '../seam/generation.ts';
import { keptIds, noiseBetween, type Subject } from '../seam/subject.ts';

export interface ControlTotals {
  /** Runs compared with the first one of their scenario. */
  readonly repeats: number;
  readonly repeatDisagreements: number;
  readonly tokenControl: { readonly tried: number; readonly exact: number };
  /** Near-tie threshold in nats: twice the largest change of a log-probability seen in any control. */
  readonly tau: number;
}

/** Controls are as long as what they are for: one token, or steps of so many. */
const STEP = 8;

/** A cut resumed by token ids. */
interface Control {
  readonly evidence: ContinuationEvidence;
  /** The likeliest next tokens. */
  readonly next: Candidates | undefined;
}

/** Runs the controls of a campaign and remembers their results. */
export class Controls {
  readonly #target: Target;
  readonly #compare: number;
  readonly #signal: AbortSignal;
  readonly #leastTau: number;
  readonly #results = new Map<string, Promise<Control>>();
  readonly #ofSynthetic = new WeakMap<Generation, Map<string, Promise<Control>>>();
  readonly #early = new Map<string, number>();
  #repeats = 0;
  #repeatDisagreements = 0;
  #tried = 0;
  #exact = 0;
  #noise = 0;
  #frozen: number | undefined;
  #disagreed: boolean | undefined;

  /**
   * @param compare tokens compared after a cut at most
   * @param leastTau τ is not smaller than this, whatever the repeats show; nats
   */
  constructor(target: Target, compare: number, signal: AbortSignal, leastTau = 0) {
    this.#target = target;
    this.#compare = compare;
    this.#signal = signal;
    this.#leastTau = leastTau;
  }

  get totals(): ControlTotals {
    return {
      repeats: this.#repeats,
      repeatDisagreements: this.#repeatDisagreements,
      tokenControl: { tried: this.#tried, exact: this.#exact },
      tau: this.tau,
    };
  }

  /** True when the engine disagreed with itself before the first seam was judged. */
  get disagrees(): boolean {
    return this.#disagreed ?? (this.#repeatDisagreements > 0 || this.#exact < this.#tried);
  }

  /** Two log-probabilities move, so a gap between them can change by twice the noise. */
  get tau(): number {
    return this.#frozen ?? Math.max(this.#leastTau, 2 * this.#noise);
  }

  /** Fixes τ and `disagrees`, so that the verdict on a seam does not depend on which seams were judged before it. */
  freeze(): void {
    this.#frozen = this.tau;
    this.#disagreed = this.disagrees;
  }

  /** Counts the repeat control that came with a subject. */
  addRepeat(subject: Subject): void {
    this.#repeats += subject.repeat.tried;
    this.#repeatDisagreements += subject.repeat.disagreements;
    this.#noise = Math.max(this.#noise, subject.repeat.noise);
  }

  /**
   * Resumes a cut by token ids, once per generation, cut and length.
   *
   * @param tokens to compare at least
   */
  async token(subject: Subject, k: number, tokens = 1): Promise<ContinuationEvidence> {
    // Log-probabilities are for τ, which is fixed by then; a server can need twice the time for them.
    const top = this.#frozen === undefined ? TOP_CANDIDATES : 0;
    return (await this.#control(subject, k, tokens, top)).evidence;
  }

  /** The likeliest next tokens when a cut is resumed by token ids, where the server tells them. */
  async next(subject: Subject, k: number): Promise<Candidates | undefined> {
    return (await this.#control(subject, k, 1, TOP_CANDIDATES)).next;
  }

  async #control(subject: Subject, k: number, tokens: number, top: number): Promise<Control> {
    const known = this.#resultsOf(subject);
    const cut = `${k} ${subject.generation.scenario.id}`;
    // Those made before the first seam serve for all that is shorter, whatever order seams come in.
    const early = this.#early.get(cut) ?? 0;
    const exactly = this.#frozen === undefined || tokens === this.#compare;
    const served = tokens <= early;
    const length = served ? early : exactly ? tokens : inSteps(tokens);
    const listed = served ? TOP_CANDIDATES : top;
    const key = `${length} ${listed} ${cut}`;
    if (this.#frozen === undefined) this.#early.set(cut, length);
    let result = known.get(key);
    if (result === undefined) {
      result = this.#run(subject, k, length, listed);
      known.set(key, result);
      result.catch(() => known.delete(key));
    }
    return await result;
  }

  /** A scenario has one generation, and any number of texts that are given out as one. */
  #resultsOf({ generation }: Subject): Map<string, Promise<Control>> {
    if (!generation.synthetic) return this.#results;
    const known = this.#ofSynthetic.get(generation) ?? new Map<string, Promise<Control>>();
    this.#ofSynthetic.set(generation, known);
    return known;
  }

  async #run(subject: Subject, k: number, length: number, top: number): Promise<Control> {
    const { generation } = subject;
    const expected = generation.tokens.slice(k);
    if (expected.length === 0)
      return { evidence: { compared: 0, remaining: 0, flip: undefined }, next: undefined };
    const { tokens } = await this.#target.complete(
      keptIds(generation, k),
      { maxTokens: Math.min(length, expected.length), top, cache: 'cold' },
      this.#signal,
    );
    const evidence = checkContinuation(
      expected,
      tokens.map((token, i) => ({ ...token, place: i + 1 })),
      tokens.length,
      false,
    );
    this.#noise = Math.max(this.#noise, noiseBetween(expected, tokens));
    this.#tried++;
    if (evidence.flip === undefined) this.#exact++;
    return { evidence, next: tokens[0]?.top };
  }
}

function inSteps(tokens: number): number {
  return tokens <= 1 ? 1 : Math.ceil(tokens / STEP) * STEP;
}
