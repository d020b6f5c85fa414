/**
 * A target for servers that tell no token ids: hosted APIs, and local servers whose chat shows
 * text only. What is particular to one of them is a `TextApi`; streaming, pieces, usage and ends
 * are the same for all and live here.
 *
 * It has no `render`, `complete` and `encode`: these are refused with an error, and the harness
 * asks `isTextLevel` before it uses them.
 */
import { SeamstressError } from '../errors.ts';
import type { Delta } from '../seam/generation.ts';
import type { LocalTokenizer } from '../tokens/tokenizer.ts';
import type { StreamEnd } from '../wire/end.ts';
import type { HttpClient } from '../wire/http.ts';
import { mostEvents } from './endless.ts';
import type {
  Answer,
  ChatRequest,
  Completion,
  PlacedToken,
  ReadOptions,
  Rendered,
  SamplingOptions,
  Spending,
  Target,
  TargetIdentity,
} from './dialect.ts';
import { parseEvent, type JsonObject } from './json.ts';
import {
  idOf,
  laidOut,
  PieceMaker,
  retokenized,
  type HeardText,
  type Piece,
} from './text-level-pieces.ts';
import type { TokenEvent } from '../seam/generation.ts';

/** What one event of a stream says. */
export interface Heard extends HeardText {
  /** In the words of the OpenAI API: `stop`, `length`, `tool_calls`. */
  readonly finish?: string | undefined;
  readonly promptTokens?: number | undefined;
  readonly cachedTokens?: number | undefined;
  readonly generatedTokens?: number | undefined;
  /** True for the event with which the API ends a stream, where that is not `[DONE]`. */
  readonly over?: boolean | undefined;
  /** The server reports an error in an event of its own shape. */
  readonly error?: string | undefined;
}

/** Reads the events of one stream, in order. `name` is that of the event, where it has one. */
export type EventReader = (event: JsonObject, name: string | undefined) => Heard;

/** How one API is spoken. */
export interface TextApi {
  /** Path from the base URL. */
  path(request: ChatRequest): string;
  body(request: ChatRequest, sampling: SamplingOptions): JsonObject;
  reader(): EventReader;
  /** How events are told apart. @defaultValue sse */
  readonly framing?: 'sse' | 'ndjson';
  /** Tokens that an answer may have, where the API takes no limit as low as was asked for. */
  tokensAtMost?(request: ChatRequest, sampling: SamplingOptions): number;
}

export interface TextTargetOptions {
  readonly http: HttpClient;
  readonly api: TextApi;
  readonly identity: TargetIdentity;
  readonly tokenizer: LocalTokenizer | undefined;
  readonly chatTemplate?: string;
}

export class TextTarget implements Target {
  readonly identity: TargetIdentity;
  readonly chatTemplate: string | undefined;
  readonly #http: HttpClient;
  readonly #api: TextApi;
  readonly #tokenizer: LocalTokenizer | undefined;
  #promptTokens = 0;
  #generatedTokens = 0;

  constructor(options: TextTargetOptions) {
    this.identity = options.identity;
    this.chatTemplate = options.chatTemplate;
    this.#http = options.http;
    this.#api = options.api;
    this.#tokenizer = options.tokenizer;
  }

  get spending(): Spending {
    return {
      requests: this.#http.requests,
      promptTokens: this.#promptTokens,
      generatedTokens: this.#generatedTokens,
    };
  }

  tokensAtMost(request: ChatRequest, sampling: SamplingOptions): number {
    return this.#api.tokensAtMost?.(request, sampling) ?? sampling.maxTokens;
  }

  async chat(request: ChatRequest, sampling: SamplingOptions, read: ReadOptions): Promise<Answer> {
    const listening = new Listening(this.#api.reader());
    const reply = await this.#http.stream(
      this.#api.path(request),
      this.#api.body(request, sampling),
      {
        signal: read.signal,
        maxEvents: mostEvents(this.tokensAtMost(request, sampling)),
        ...(this.#api.framing === undefined ? {} : { framing: this.#api.framing }),
        onData: (data, _, name) =>
          listening.hear(data, name) || read.stopWhen?.(listening) === true,
      },
    );
    const { pieces, usage, finish } = listening;
    const said = this.#tokenizer === undefined ? pieces : retokenized(pieces, this.#tokenizer);
    const { tokens, deltas } = laidOut(said);
    this.#promptTokens += usage.promptTokens ?? 0;
    this.#generatedTokens += usage.generatedTokens ?? tokens.length;
    return {
      deltas,
      tokens,
      generated: tokens.length,
      finish,
      end: listening.endOf(reply.end),
      usage,
      timing: { firstEventMs: reply.firstEventMs, totalMs: reply.totalMs },
      capture: reply.capture,
      request: reply.request,
    };
  }

  complete(): Promise<Completion> {
    return Promise.reject(this.#lacks('go on from token ids'));
  }

  render(): Promise<Rendered> {
    return Promise.reject(this.#lacks('tell the prompt that it makes of a chat'));
  }

  encode(): Promise<readonly number[]> {
    return Promise.reject(this.#lacks('tokenize'));
  }

  /** Of a local tokenizer where there is one, else one piece for each word. */
  encodePlain(text: string): Promise<readonly TokenEvent[]> {
    const pieces = new PieceMaker().add({ content: text });
    const said = this.#tokenizer === undefined ? pieces : retokenized(pieces, this.#tokenizer);
    return Promise.resolve(said.map(({ bytes }) => ({ id: idOf(bytes), bytes })));
  }

  async close(): Promise<void> {
    await this.#http.close();
  }

  #lacks(what: string): SeamstressError {
    return new SeamstressError(
      'target',
      `a server of the kind ${this.identity.dialect} cannot ${what}`,
      {
        hint: 'Its seams are judged by their text.',
      },
    );
  }
}

/** What has been heard of one stream; also its progress, for those who want to stop it. */
class Listening {
  readonly pieces: Piece[] = [];
  readonly tokens: PlacedToken[] = [];
  readonly deltas: Delta[] = [];
  finish: string | undefined;
  usage: Answer['usage'] = {
    promptTokens: undefined,
    cachedTokens: undefined,
    generatedTokens: undefined,
  };
  readonly #reader: EventReader;
  readonly #maker = new PieceMaker();
  #over = false;
  #broken: StreamEnd | undefined;

  constructor(reader: EventReader) {
    this.#reader = reader;
  }

  get generated(): number {
    return this.pieces.length;
  }

  /** Reads one event; true when nothing more need be read, since it is an error. */
  hear(data: string, name: string | undefined): boolean {
    const event = parseEvent(data);
    if (event === undefined) {
      const detail = `an event is not a JSON object: ${data.slice(0, 80)}`;
      this.#broken = { kind: 'garbled', detail };
      return true;
    }
    const heard = this.#reader(event, name);
    if (heard.error !== undefined) {
      this.#broken = { kind: 'error-event', message: heard.error, body: data };
      return true;
    }
    this.#take(heard);
    return false;
  }

  #take(heard: Heard): void {
    const more = this.#maker.add(heard);
    const { tokens, deltas } = laidOut(more);
    const before = this.pieces.length;
    this.pieces.push(...more);
    for (const token of tokens) this.tokens.push({ ...token, place: token.place + before });
    for (const delta of deltas) this.deltas.push({ ...delta, after: delta.after + before });
    this.finish = heard.finish ?? this.finish;
    this.#over ||= heard.over === true;
    this.usage = {
      promptTokens: heard.promptTokens ?? this.usage.promptTokens,
      cachedTokens: heard.cachedTokens ?? this.usage.cachedTokens,
      generatedTokens: heard.generatedTokens ?? this.usage.generatedTokens,
    };
  }

  /** How the stream ended, with what its own events say of it. */
  endOf(end: StreamEnd): StreamEnd {
    if (this.#broken !== undefined) return this.#broken;
    return end.kind === 'closed' && this.#over ? { kind: 'done' } : end;
  }
}
