/**
 * The scripted model. It is deterministic and sees nothing but token ids: as long as a context is
 * exactly what the script and the template would have made, the next token is the script's; any
 * other context makes it visibly leave the script. So a seam that changes even one token of a
 * prompt shows in the output.
 */
import type { FaultName, Plan } from './faults.ts';
import { hashNumbers, unit } from './hash.ts';
import { Lru } from './lru.ts';
import { endOfGenerationPromptText } from './conversation.ts';
import { scriptFor } from './scripts.ts';
import type { Style } from './style.ts';
import { endsOfGenerationPrompt, readStyledPrompt } from './style-prompt.ts';
import { encodePrefill, Habits } from './token-faults.ts';
import { idsOfText, layTrack, type Track } from './track.ts';
import { unguard, type Vocabulary } from './vocabulary.ts';

/** A candidate for the next token; `logprob` is a natural logarithm. */
export interface Candidate {
  readonly id: number;
  readonly logprob: number;
}

/** The noise of one request; see the fault `near-tie-noise`. */
export interface Noise {
  /** Differs from request to request. */
  readonly seed: number;
}

/** A generation in progress. */
export interface Path {
  /** The next token, or undefined after the end of generation. */
  next(): number | undefined;
  /** The distribution that the last token was taken from, best first; at most 20 candidates. */
  candidates(count: number): Candidate[];
}

const MAX_CANDIDATES = 20;
/** The gap of a near tie, and how far noise moves a log-probability, in nats. */
const NOISE = 1e-4;

export class Model {
  readonly vocabulary: Vocabulary;
  readonly #tracks = new Lru<string, Track | 'off'>(2048);
  readonly #derailStart: readonly number[];
  readonly #plan: Plan;
  readonly #habits: Habits;
  readonly #style: Style;
  readonly #natural: boolean;

  constructor(vocabulary: Vocabulary, plan: Plan, style: Style, natural: boolean) {
    this.vocabulary = vocabulary;
    this.#style = style;
    this.#natural = natural;
    this.#plan = plan;
    this.#habits = new Habits(vocabulary, plan);
    this.#derailStart = vocabulary.encode(DERAIL, { control: false });
  }

  /** The track of a prompt that ends with its generation prompt; undefined when it is off script. */
  track(promptIds: readonly number[]): Track | undefined {
    const track = this.#tracks.getOrMake(promptIds.join(), () => {
      const prompt = readStyledPrompt(this.#style, this.vocabulary, promptIds);
      if (prompt === undefined) return 'off';
      return layTrack(this.vocabulary, scriptFor(prompt.asked), promptIds, {
        markup: this.#style.markup,
        thinking: prompt.thinking,
        natural: this.#natural,
        piecesOf: (id) => this.#habits.pieces(id),
      });
    });
    return track === 'off' ? undefined : track;
  }

  /**
   * The ids of a prompt text. What follows the last generation prompt is encoded apart from it, as
   * the model wrote it; where it is a beginning of that prompt's script, its tokens are the
   * script's own. Faults of the tokenizer strike what follows.
   *
   * @param key stands for the request, whatever `guard` shields in its text
   */
  tokenize(
    text: string,
    options: {
      readonly key: string;
      readonly guard?: string | undefined;
      readonly ties: boolean;
    },
  ): readonly number[] {
    const encoding = { control: true, guard: options.guard };
    const strikes = (fault: FaultName): boolean => this.#plan.strikes(fault, options.key);
    const apart = this.#style.name === 'chatml' && !strikes('retokenize');
    const end = apart ? endOfGenerationPromptText(text) : undefined;
    if (end === undefined) return this.vocabulary.encode(text, encoding);
    if (this.vocabulary.looksSpecial(text.slice(end)))
      return [text.slice(0, end), text.slice(end)].flatMap((part) =>
        this.vocabulary.encode(part, encoding),
      );
    const said = unguard(text.slice(end), options.guard);
    if (said.startsWith('\n') && strikes('header-merged'))
      return this.vocabulary.encode(text, encoding);
    const promptIds = this.vocabulary.encode(text.slice(0, end), encoding);
    const track = this.track(promptIds);
    const own = track && idsOfText(track, this.vocabulary, Buffer.from(said), options.ties);
    const right =
      own === undefined
        ? this.vocabulary.encode(said, { control: false })
        : this.#habits.merge(own, strikes);
    return [...promptIds, ...encodePrefill(this.vocabulary, said, right, strikes)];
  }

  /** Starts to generate after `context`; with `ties` a tied candidate in it is still on script. */
  begin(context: readonly number[], ties: boolean, noise: Noise | undefined): Path {
    for (const end of endsOfGenerationPrompt(this.#style, this.vocabulary, context)) {
      const track = this.track(context.slice(0, end));
      if (track === undefined) continue;
      const follows = (id: number, j: number): boolean =>
        id === track.ids[j] || (ties && id === track.ties.get(j));
      let j = 0;
      while (end + j < context.length && follows(context[end + j] ?? -1, j)) j++;
      if (end + j === context.length) return new ScriptPath(track, j, this.vocabulary.size, noise);
    }
    return this.#derail(context, noise);
  }

  /** A derailed generation that is itself resumed goes on with its own text. */
  #derail(context: readonly number[], noise: Noise | undefined): Path {
    for (let at = context.length - 1; at >= 0 && at > context.length - 64; at--) {
      if (!this.#derailStart.every((id, i) => at + i >= context.length || context[at + i] === id))
        continue;
      const track = this.#derailTrack(context.slice(0, at));
      const said = context.slice(at);
      if (said.every((id, i) => track.ids[i] === id))
        return new ScriptPath(track, said.length, this.vocabulary.size, noise);
    }
    return new ScriptPath(this.#derailTrack(context), 0, this.vocabulary.size, noise);
  }

  #derailTrack(context: readonly number[]): Track {
    const hash = hashNumbers(context);
    const text = `${DERAIL} ${hash.toString(16).padStart(8, '0')}]`;
    const ids = [
      ...this.vocabulary.encode(text, { control: false }),
      this.vocabulary.id(this.#style.markup.endOfTurn),
    ];
    return { hash, promptIds: context, ids, bytes: Buffer.from(text), ties: new Map() };
  }
}

/** What the model says when a context is not what it would have been. */
const DERAIL = ' [off the script:';

class ScriptPath implements Path {
  readonly #track: Track;
  readonly #size: number;
  readonly #noise: Noise | undefined;
  #at: number;
  #last = -1;

  constructor(track: Track, at: number, size: number, noise: Noise | undefined) {
    this.#track = track;
    this.#at = at;
    this.#size = size;
    this.#noise = noise;
  }

  next(): number | undefined {
    const own = this.#track.ids[this.#at];
    if (own === undefined) return undefined;
    const rival = this.#rival(this.#at);
    const flips = rival !== undefined && hashNumbers([this.#noise?.seed ?? 0, this.#at]) % 2 === 1;
    this.#last = flips ? rival : own;
    this.#at++;
    return this.#last;
  }

  candidates(count: number): Candidate[] {
    const at = this.#at - 1;
    const own = this.#track.ids[at] ?? this.#last;
    const rival = this.#rival(at);
    const found: Candidate[] = [];
    if (rival === undefined)
      found.push({ id: this.#last, logprob: -0.002 - 0.016 * this.#draw(at, 0) });
    else
      found.push(
        { id: this.#last, logprob: -0.7 },
        { id: this.#last === own ? rival : own, logprob: -0.7 - NOISE },
      );
    const first = hashNumbers([this.#track.hash, at], 3);
    for (let i = 0; found.length < Math.min(count, MAX_CANDIDATES); i++) {
      const id = (first + i * 7) % this.#size;
      if (id === this.#last || id === rival || (rival !== undefined && id === own)) continue;
      found.push({
        id,
        logprob: -6.2 - 0.4 * found.length - 0.3 * this.#draw(at, found.length),
      });
    }
    return found
      .slice(0, count)
      .map(({ id, logprob }, rank) => ({ id, logprob: logprob + this.#jitter(at, rank) }));
  }

  #rival(at: number): number | undefined {
    return this.#noise === undefined ? undefined : this.#track.ties.get(at);
  }

  #draw(at: number, rank: number): number {
    return unit(hashNumbers([this.#track.hash, at, rank], 4));
  }

  /** Up to ±1e-4, less than the gap of a tie's candidates so that their order stays. */
  #jitter(at: number, rank: number): number {
    if (this.#noise === undefined) return 0;
    const scale = this.#rival(at) !== undefined && rank < 2 ? NOISE / 4 : NOISE;
    return scale * (2 * unit(hashNumbers([this.#noise.seed, at, rank], 5)) - 1);
  }
}
