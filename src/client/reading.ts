/**
 * What a client has read of a generation so far, token by token as far as the server told: texts,
 * ids, and the places of tokens whose ids are still unknown, since chat streams hide some.
 */
import type { Answer, ChatRequest, Rendered } from '../dialects/dialect.ts';
import type { CutClass } from '../seam/classes.ts';
import {
  EMPTY_VIEW,
  type Delta,
  type Generation,
  type TokenEvent,
  type View,
} from '../seam/generation.ts';
import { markupOf } from '../seam/markup.ts';
import { layOut, phasesOf } from '../seam/phases.ts';
import { deltasWithin, shiftDeltas, stitchView } from '../seam/stitch.ts';
import type { Held } from '../seam/strategy.ts';

/** A stretch of tokens whose ids are unknown: `from ≤ i < to`. */
export interface Gap {
  readonly from: number;
  readonly to: number;
}

const UNSEEN: Rendered = { ids: [], text: undefined, source: 'server', requests: [] };

export class Reading {
  readonly request: ChatRequest;
  #prompt: Rendered;
  readonly #tokens: (TokenEvent | undefined)[] = [];
  #deltas: readonly Delta[] = [];

  constructor(request: ChatRequest, prompt: Rendered = UNSEEN) {
    this.request = request;
    this.#prompt = prompt;
  }

  /** The prompt of the first request; without ids until it is known. */
  get prompt(): Rendered {
    return this.#prompt;
  }

  begin(prompt: Rendered): void {
    this.#prompt = prompt;
  }

  /** Tokens generated so far, known and unknown. */
  get generated(): number {
    return this.#tokens.length;
  }

  /** The ids read so far; undefined where the server did not tell one. */
  get ids(): (number | undefined)[] {
    return this.#tokens.map((token) => token?.id);
  }

  get deltas(): readonly Delta[] {
    return this.#deltas;
  }

  get view(): View {
    return stitchView(EMPTY_VIEW, this.#deltas);
  }

  /** The id at a place, counted from 0. */
  token(index: number): TokenEvent | undefined {
    return this.#tokens[index];
  }

  /** The tokens before `end`, none of which may be unknown. */
  known(end: number = this.generated): TokenEvent[] {
    const tokens = this.#tokens.slice(0, end).filter((token) => token !== undefined);
    if (tokens.length !== Math.min(end, this.generated))
      throw new RangeError('the ids of some tokens are unknown');
    return tokens;
  }

  /** Forgets what was read after the first `kept` tokens. */
  rewind(kept: number): void {
    this.#tokens.length = Math.min(this.#tokens.length, kept);
    this.#deltas = deltasWithin(this.#deltas, kept);
  }

  /** What had been read after `kept` tokens. */
  upTo(kept: number): Reading {
    const earlier = new Reading(this.request, this.prompt);
    earlier.#tokens.push(...this.#tokens);
    earlier.#deltas = this.#deltas;
    earlier.rewind(kept);
    return earlier;
  }

  /** Adds what a stream brought that went on after the first `kept` tokens. */
  take(answer: Pick<Answer, 'deltas' | 'tokens' | 'generated'>, kept: number): void {
    this.rewind(kept);
    for (let i = 0; i < answer.generated; i++) this.#tokens.push(undefined);
    for (const { place, ...token } of answer.tokens) this.#tokens[kept + place - 1] = token;
    this.#deltas = [...this.#deltas, ...shiftDeltas(answer.deltas, kept)];
  }

  /** Unknown tokens from `start` on: the first stretch of them. */
  gap(start = 0): Gap | undefined {
    let from = start;
    while (from < this.generated && this.#tokens[from] !== undefined) from++;
    if (from >= this.generated) return undefined;
    let to = from;
    while (to < this.generated && this.#tokens[to] === undefined) to++;
    return { from, to };
  }

  /** Puts tokens in their places. */
  put(from: number, tokens: readonly TokenEvent[]): void {
    for (const [i, token] of tokens.entries()) this.#tokens[from + i] = token;
  }

  /** Moves texts that were counted too early to the last token: it is the one that they came with. */
  settle(from: number): void {
    this.#deltas = this.#deltas.map((delta) =>
      delta.after === from ? { ...delta, after: this.generated } : delta,
    );
  }

  /**
   * What is held, in the form that strategies work on: as if the generation ended here.
   *
   * @throws RangeError when the ids of some tokens are unknown
   */
  held(): Held {
    const tokens = this.known();
    const { view } = this;
    const phases = phasesOf(tokens, layOut(tokens, view));
    const { messages, tools, thinking } = this.request;
    const generation: Generation = {
      scenario: { id: 'read', title: '', messages, tools, thinking, maxTokens: 1, tags: [] },
      promptIds: this.prompt.ids,
      promptText: this.prompt.text,
      tokens: tokens.map((token, i) => ({ ...token, phase: phases[i] ?? 'content' })),
      length: tokens.length,
      finish: undefined,
      deltas: this.#deltas,
      synthetic: false,
    };
    return { generation, markup: markupOf(generation), k: tokens.length, view };
  }

  /** The cuts at which a client holds just this: from its last text on to the last token. */
  get cuts(): CutClass {
    const first = this.#deltas.reduce((most, { after }) => Math.max(most, after), 0);
    return { first: Math.min(first, this.generated), last: this.generated };
  }
}
