/**
 * A target for servers that tell no token ids: hosted APIs, and local servers whose chat shows
 * text only. What is particular to one of them is a `TextApi`; streaming, pieces, usage and ends
 * are the same for all and live here.
 *
 * It has no `complete` and `encode`, and a `render` only where the server shows its prompts: these
 * are refused with an error, and the harness asks `isTextLevel` before it uses them.
 */
import { SeamstressError } from '../errors.ts';
import type { Delta, TokenEvent } from '../seam/generation.ts';
import type { LocalTokenizer } from '../tokens/tokenizer.ts';
import type { HttpClient } from '../wire/http.ts';
import { streamedAnswer } from './answer.ts';
import type {
  Answer,
  ChatRequest,
  Completion,
  PlacedToken,
  Progress,
  ReadOptions,
  Rendered,
  SamplingOptions,
  Spending,
  Target,
  TargetIdentity,
} from './dialect.ts';
import { mostEvents } from './endless.ts';
import { Hearing, type EventReader } from './hearing.ts';
import { asObject, type JsonObject } from './json.ts';
import { Memo } from './memo.ts';
import { Spent } from './spent.ts';
import {
  idOf,
  laidOut,
  PieceMaker,
  retokenized,
  type HeardText,
  type Piece,
} from './text-level-pieces.ts';

/** How one API is spoken. */
export interface TextApi {
  /** Path from the base URL. */
  path(request: ChatRequest): string;
  body(request: ChatRequest, sampling: SamplingOptions): JsonObject;
  reader(): EventReader;
  /** How the server shows the prompt that it makes of a chat, where it can. Generates nothing. */
  readonly prompts?: PromptsApi | LocalPrompts;
  /** How a prompt that is a text is gone on with; wanted where `prompts` is. */
  readonly raw?: RawApi;
  /** How events are told apart. @defaultValue sse */
  readonly framing?: 'sse' | 'ndjson';
  /** Tokens that an answer may have, where the API takes no limit as low as was asked for. */
  tokensAtMost?(request: ChatRequest, sampling: SamplingOptions): number;
}

/** How the text of a prompt is asked for. */
export interface PromptsApi {
  readonly path: string;
  body(request: ChatRequest): JsonObject;
  /** The prompt; undefined where the server does not know what was asked. */
  read(answer: JsonObject): string | undefined;
}

/** The server's template is known, and rendered here. */
export interface LocalPrompts {
  /** The prompt; undefined where it is not known how the server makes one of the request. */
  readonly local: (request: ChatRequest) => string | undefined;
}

/** How a text is gone on with. */
export interface RawApi {
  readonly path: string;
  body(prompt: string, sampling: SamplingOptions): JsonObject;
  reader(): EventReader;
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
  readonly #rendered = new Memo<Rendered>(20_000);
  readonly #spent: Spent;

  constructor(options: TextTargetOptions) {
    this.identity = options.identity;
    this.chatTemplate = options.chatTemplate;
    this.#http = options.http;
    this.#api = options.api;
    this.#tokenizer = options.tokenizer;
    this.#spent = new Spent(options.http);
  }

  get spending(): Spending {
    return this.#spent.soFar;
  }

  tokensAtMost(request: ChatRequest, sampling: SamplingOptions): number {
    return this.#api.tokensAtMost?.(request, sampling) ?? sampling.maxTokens;
  }

  async chat(request: ChatRequest, sampling: SamplingOptions, read: ReadOptions): Promise<Answer> {
    const { path, body, reader } = this.#asked(request, sampling);
    const said = new Said();
    const hearing = new Hearing(reader, (text) => said.add(text));
    const reply = await this.#http.stream(path, body, {
      signal: read.signal,
      maxEvents: mostEvents(this.tokensAtMost(request, sampling)),
      ...(this.#api.framing === undefined ? {} : { framing: this.#api.framing }),
      onData: (data, _, name) => hearing.hear(data, name) || read.stopWhen?.(said) === true,
    });
    const { usage, finish } = hearing;
    const { tokens, deltas } = laidOut(this.#divided(said.pieces));
    const generated = tokens.length;
    this.#spent.add(usage.promptTokens, usage.generatedTokens ?? generated);
    const end = hearing.endOf(reply.end);
    return streamedAnswer(reply, { deltas, tokens, generated, finish, usage }, end);
  }

  /** As a local tokenizer divides it, where there is one. */
  #divided(pieces: readonly Piece[]): readonly Piece[] {
    return this.#tokenizer === undefined ? pieces : retokenized(pieces, this.#tokenizer);
  }

  #asked(
    request: ChatRequest,
    sampling: SamplingOptions,
  ): { readonly path: string; readonly body: JsonObject; readonly reader: EventReader } {
    const api = this.#api;
    if (request.raw === undefined)
      return { path: api.path(request), body: api.body(request, sampling), reader: api.reader() };
    if (api.raw === undefined) throw this.#lacks('go on with a prompt that is a text');
    const body = api.raw.body(request.raw, sampling);
    return { path: api.raw.path, body, reader: api.raw.reader() };
  }

  complete(): Promise<Completion> {
    return Promise.reject(this.#lacks('go on from token ids'));
  }

  /** The text alone: of its tokens nothing is told. */
  async render(request: ChatRequest, signal: AbortSignal): Promise<Rendered> {
    const { prompts } = this.#api;
    if (prompts === undefined) throw this.#lacks('tell the prompt that it makes of a chat');
    if ('local' in prompts)
      return { ids: [], text: prompts.local(request), source: 'local', requests: [] };
    const { path } = prompts;
    const body = prompts.body(request);
    return await this.#rendered.get(JSON.stringify(body), async () => {
      const reply = await this.#http.json('POST', path, body, signal);
      const text = prompts.read(asObject(reply.body) ?? {});
      return { ids: [], text, source: 'server', requests: [reply.request] };
    });
  }

  encode(): Promise<readonly number[]> {
    return Promise.reject(this.#lacks('tokenize'));
  }

  /** Of a local tokenizer where there is one, else one piece for each word. */
  encodePlain(text: string): Promise<readonly TokenEvent[]> {
    const pieces = this.#divided(new PieceMaker().add({ content: text }));
    return Promise.resolve(pieces.map(({ bytes }) => ({ id: idOf(bytes), bytes })));
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

/** What was said in one stream, in pieces; also its progress, for those who want to stop it. */
class Said implements Progress {
  readonly pieces: Piece[] = [];
  readonly tokens: PlacedToken[] = [];
  readonly deltas: Delta[] = [];
  readonly #maker = new PieceMaker();

  get generated(): number {
    return this.pieces.length;
  }

  add(text: HeardText): void {
    const more = this.#maker.add(text);
    const { tokens, deltas } = laidOut(more);
    const before = this.pieces.length;
    this.pieces.push(...more);
    for (const token of tokens) this.tokens.push({ ...token, place: token.place + before });
    for (const delta of deltas) this.deltas.push({ ...delta, after: delta.after + before });
  }
}
