/** The server's inside: from a request to a prompt, and from a prompt to tokens. */
import { ApiError } from './api-error.ts';
import type { ChatRequest } from './chat-request.ts';
import { Plan, type PlantedFault } from './faults.ts';
import { hashNumbers } from './hash.ts';
import { Lru } from './lru.ts';
import { Model, type Candidate } from './model.ts';
import { refuseIfPlanted } from './refusal-faults.ts';
import { renderChanges } from './render-faults.ts';
import { renderPrompt } from './render.ts';
import { Slots } from './slots.ts';
import { readTemplate, styleNamed, type Style, type StyleName } from './style.ts';
import { ChatTemplate, chatTemplate } from './template.ts';
import { TextOut, type Released } from './text-out.ts';
import { unguard, vocabulary, type Vocabulary } from './vocabulary.ts';

export const CONTEXT_LENGTH = 4096;
export const SLOTS = 8;
/** Rendered texts whose ids are not those of the bare text. */
const REMEMBERED_TEXTS = 4096;

/** A prompt ready to be generated from. */
export interface ReadyPrompt {
  readonly text: string;
  readonly ids: readonly number[];
  /** What the model has already said in the turn that goes on. */
  readonly prefill: string;
  /** Text of the prompt that is told with the first token, as if it were new. */
  readonly withheld?: string;
}

export interface GenerateOptions {
  /** Tokens at most; a negative number means as many as the context holds. */
  readonly limit: number;
  readonly stop: readonly string[];
  /** Candidates to tell at each position; 0 tells none. */
  readonly top: number;
  /** True to print control tokens too, the end of generation excepted. @defaultValue false */
  readonly special?: boolean;
}

/** Why a generation ended, in the words of `/completion`. */
export interface Ended {
  readonly type: 'eos' | 'limit' | 'word';
  readonly word: string;
  /** True when the context was full. */
  readonly truncated: boolean;
}

/** One generated token. */
export interface Step {
  readonly id: number;
  /** 1 for the first token. */
  readonly place: number;
  readonly released: Released;
  readonly candidates: readonly Candidate[];
  readonly ended?: Ended;
}

/** Which model it is. */
export interface ModelTraits {
  /** The markup and the template. @defaultValue `chatml` */
  readonly style?: StyleName | undefined;
  /**
   * True to write as the trained thinker does: text in NFC, and the very tokens that encoding it
   * gives. Otherwise the script keeps its combining marks and its parts begin at token borders.
   * @defaultValue false
   */
  readonly natural?: boolean;
}

export class Engine {
  readonly plan: Plan;
  readonly vocabulary: Vocabulary;
  readonly style: Style;
  readonly template: ChatTemplate;
  readonly slots: Slots = new Slots(SLOTS);
  /** A client has left in the middle of a generation; see the fault `slot-busy`. */
  busy = false;
  readonly #model: Model;
  readonly #seed: number;
  readonly #remembered = new Lru<string, readonly number[]>(REMEMBERED_TEXTS);
  #generations = 0;

  constructor(faults: readonly PlantedFault[], seed: number, traits: ModelTraits = {}) {
    const { style = 'chatml', natural = false } = traits;
    this.plan = new Plan(faults, seed);
    this.vocabulary = vocabulary();
    this.style = styleNamed(style);
    this.template =
      style === 'chatml'
        ? chatTemplate()
        : new ChatTemplate(readTemplate(style), this.style.markup.endOfTurn);
    this.#model = new Model(this.vocabulary, this.plan, this.style, natural);
    this.#seed = seed;
  }

  /** The prompt's text of a chat request; remembers its ids where the text alone does not give them. */
  render(request: ChatRequest): {
    readonly text: string;
    readonly prefill: string;
    readonly ids: () => readonly number[];
  } {
    const { key, trailing } = request;
    refuseIfPlanted(this.plan, request);
    const shields = trailing === undefined || !this.plan.strikes('special-encoded', key);
    const {
      text: guarded,
      prefill,
      guard,
    } = renderPrompt(request, this.template, this.vocabulary, {
      changes: renderChanges(this.plan, key),
      shields,
    });
    const text = unguard(guarded, guard);
    if (guard === undefined) return { text, prefill, ids: () => this.tokenize(text) };
    const ids = this.#tokenize(guarded, text, guard);
    this.#remembered.set(text, ids);
    return { text, prefill, ids: () => ids };
  }

  /** The prompt of a chat request. */
  prompt(request: ChatRequest): ReadyPrompt {
    const { text, prefill, ids } = this.render(request);
    return { text, prefill, ids: ids() };
  }

  /** The ids of a text as real servers have them: the whole of it encoded, whoever wrote it. */
  encode(text: string): readonly number[] {
    return this.vocabulary.encode(text, { control: true });
  }

  /** The ids of a prompt text, as a chat with that prompt would have them. */
  tokenize(text: string): readonly number[] {
    return this.#remembered.get(text) ?? this.#tokenize(text, text, undefined);
  }

  #tokenize(guarded: string, text: string, guard: string | undefined): readonly number[] {
    return this.#model.tokenize(guarded, { key: text, guard, ties: this.#ties });
  }

  get #ties(): boolean {
    return this.plan.planted('near-tie-noise');
  }

  /**
   * Generates token by token; the caller sets the pace.
   *
   * @throws {ApiError} when the prompt does not fit the context.
   */
  generate(prompt: readonly number[], options: GenerateOptions): Generator<Step, void, undefined> {
    if (prompt.length >= CONTEXT_LENGTH)
      throw new ApiError(
        400,
        `request (${prompt.length} tokens) exceeds the available context size (${CONTEXT_LENGTH} tokens), try increasing it`,
        'exceed_context_size_error',
        { n_prompt_tokens: prompt.length, n_ctx: CONTEXT_LENGTH },
      );
    return this.#steps(prompt, options);
  }

  *#steps(
    prompt: readonly number[],
    { limit, stop, top, special = false }: GenerateOptions,
  ): Generator<Step, void, undefined> {
    const request = ++this.#generations;
    const noisy = this.plan.strikes('near-tie-noise', String(request));
    const noise = noisy ? { seed: hashNumbers([request], this.#seed) } : undefined;
    const path = this.#model.begin(prompt, this.#ties, noise);
    const out = new TextOut(stop);
    const end = this.vocabulary.id(this.style.markup.endOfTurn);
    for (let place = 1; ; place++) {
      const id = path.next() ?? end;
      const candidates = top > 0 ? path.candidates(top) : [];
      const shown = special && id !== end;
      const released = out.add(shown ? this.vocabulary.bytes(id) : this.vocabulary.printed(id));
      const ended = endOf(released, id === end, place, limit, prompt.length);
      if (ended === undefined) yield { id, place, released, candidates };
      else {
        const text = released.text + (released.stop === undefined ? out.end() : '');
        yield { id, place, released: { ...released, text }, candidates, ended };
        return;
      }
    }
  }
}

function endOf(
  released: Released,
  eos: boolean,
  place: number,
  limit: number,
  promptLength: number,
): Ended | undefined {
  if (released.stop !== undefined) return { type: 'word', word: released.stop, truncated: false };
  if (eos) return { type: 'eos', word: '', truncated: false };
  // A limit of 0 still gives one token, as in llama.cpp.
  if (limit >= 0 && place >= limit) return { type: 'limit', word: '', truncated: false };
  if (promptLength + place >= CONTEXT_LENGTH) return { type: 'limit', word: '', truncated: true };
  return undefined;
}
