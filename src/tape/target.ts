/**
 * A target that records every answer to a tape, and one that plays them. A campaign cannot tell
 * them from a server: running it on goes on where the tape ends, and analysing a run is the same
 * campaign with nothing but its tape.
 */
import type {
  Answer,
  ChatRequest,
  Completion,
  ReadOptions,
  Rendered,
  SamplingOptions,
  Spending,
  Target,
  TargetIdentity,
} from '../dialects/dialect.ts';
import { refuseAborted, SeamstressError } from '../errors.ts';
import type { TokenEvent } from '../seam/generation.ts';
import { Refusal } from '../wire/refusal.ts';
import {
  EntryWriter,
  keyOf,
  outcomeOfError,
  weightOf,
  type Call,
  type Entry,
  type Results,
} from './entry.ts';
import type { TapeWriter } from './file.ts';
import type { TapeHeader } from './header.ts';
import type { TapePlayer } from './player.ts';

export interface TapeOptions {
  /** Answers what the player does not; without one, such a question is an error. */
  readonly live?: Target | undefined;
  readonly player?: TapePlayer | undefined;
  /** Where new answers are recorded. */
  readonly writer?: TapeWriter | undefined;
  /** Uses that only the server may answer while there is one, since they depend on what it was asked before. */
  readonly fresh?: ((use: string) => boolean) | undefined;
  /** Called when neither a tape nor a server can answer. */
  readonly onMissing?: (() => void) | undefined;
}

/**
 * @throws from each method also `SeamstressError` `config` when nothing can answer, and `interrupted`
 *   when the signal was aborted meanwhile: such an answer is neither given nor recorded
 */
export class TapedTarget implements Target {
  readonly #live: Target | undefined;
  readonly #player: TapePlayer | undefined;
  readonly #writer: TapeWriter | undefined;
  readonly #entries = new EntryWriter();
  readonly #known: Pick<TapeHeader, 'target' | 'chatTemplate'>;
  readonly #onMissing: (() => void) | undefined;
  readonly #fresh: (use: string) => boolean;
  #played = { requests: 0, promptTokens: 0, generatedTokens: 0 };
  #missing = 0;

  constructor({ live, player, writer, onMissing, fresh }: TapeOptions) {
    this.#onMissing = onMissing;
    this.#fresh = fresh ?? ((): boolean => false);
    this.#live = live;
    this.#player = player;
    this.#writer = writer;
    if (writer !== undefined) writer.onBlock = () => this.#entries.reset();
    this.#known = player?.header ?? {
      target: (live as Target).identity,
      chatTemplate: (live as Target).chatTemplate,
    };
  }

  get identity(): TargetIdentity {
    return this.#live?.identity ?? this.#known.target;
  }

  get chatTemplate(): string | undefined {
    return this.#live === undefined ? this.#known.chatTemplate : this.#live.chatTemplate;
  }

  get sharedCache(): boolean | undefined {
    return this.#live?.sharedCache;
  }

  /** Of the server and of what was played. */
  get spending(): Spending {
    const live = this.#live?.spending;
    return {
      requests: this.#played.requests + (live?.requests ?? 0),
      promptTokens: this.#played.promptTokens + (live?.promptTokens ?? 0),
      generatedTokens: this.#played.generatedTokens + (live?.generatedTokens ?? 0),
    };
  }

  /** Questions that the tapes do not answer and no server was there for. */
  get missing(): number {
    return this.#missing;
  }

  async chat(request: ChatRequest, sampling: SamplingOptions, read: ReadOptions): Promise<Answer> {
    const fresh = read.use !== undefined && this.#fresh(read.use);
    return await this.#ask(
      'chat',
      [request, sampling, read.use],
      read.signal,
      (live) => live.chat(request, sampling, read),
      fresh,
    );
  }

  async complete(
    prompt: readonly number[],
    sampling: SamplingOptions,
    signal: AbortSignal,
  ): Promise<Completion> {
    return await this.#ask('complete', [prompt, sampling], signal, (live) =>
      live.complete(prompt, sampling, signal),
    );
  }

  async render(request: ChatRequest, signal: AbortSignal): Promise<Rendered> {
    return await this.#ask('render', request, signal, (live) => live.render(request, signal));
  }

  async encode(text: string, signal: AbortSignal): Promise<readonly number[]> {
    return await this.#ask('encode', text, signal, (live) => live.encode(text, signal));
  }

  async encodePlain(text: string, signal: AbortSignal): Promise<readonly TokenEvent[]> {
    return await this.#ask('encodePlain', text, signal, (live) => live.encodePlain(text, signal));
  }

  async close(): Promise<void> {
    await this.#live?.close();
  }

  async #ask<C extends Call>(
    call: C,
    question: unknown,
    signal: AbortSignal,
    ask: (live: Target) => Promise<Results[C]>,
    fresh = false,
  ): Promise<Results[C]> {
    const told =
      fresh && this.#live !== undefined
        ? undefined
        : this.#player?.take(call, question, this.#live === undefined);
    if (told !== undefined) return this.#play(call, told) as Results[C];
    if (this.#live === undefined) {
      this.#missing++;
      this.#onMissing?.();
      throw new SeamstressError('config', 'the record does not hold the answer to this request');
    }
    try {
      const result = await ask(this.#live);
      // A stream that was cut short by an abort looks like one that the harness has ended itself.
      refuseAborted(signal);
      this.#record({ call, key: keyOf(call, question), outcome: { result } });
      return result;
    } catch (error) {
      if (!signal.aborted)
        this.#record({ call, key: keyOf(call, question), outcome: outcomeOfError(error) });
      throw error;
    }
  }

  #record(entry: Entry): void {
    if (this.#writer === undefined) return;
    const line = this.#entries.line(entry);
    this.#writer.append(line, weightOf(entry, line));
  }

  #play(call: Call, outcome: Entry['outcome']): Results[Call] {
    this.#played.requests += call === 'render' ? 2 : 1;
    if ('error' in outcome) throw new SeamstressError('target', outcome.error);
    if ('refusal' in outcome) throw new Refusal(outcome.refusal);
    const { result } = outcome;
    if (call === 'chat') {
      this.#played.promptTokens += (result as Answer).usage.promptTokens ?? 0;
      this.#played.generatedTokens += (result as Answer).generated;
    } else if (call === 'complete') {
      this.#played.promptTokens += (result as Completion).usage.promptTokens ?? 0;
      this.#played.generatedTokens += (result as Completion).tokens.length;
    }
    return result;
  }
}
