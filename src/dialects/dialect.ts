/**
 * A dialect: one server API. The rest of the harness knows only this interface; everything that
 * is particular to a server (paths, field names, where the ids are, how a refusal reads) stays
 * in the dialect's own file.
 */
import type { Delta, Finish, TokenEvent, ToolCallView } from '../seam/generation.ts';
import type { Message, ResponseFormat, ToolChoice, ToolDefinition } from '../scenario/schema.ts';
import type { StreamEnd } from '../wire/end.ts';
import type { RawChunk } from '../wire/capture.ts';
import type { KeyHeader } from '../wire/key.ts';

/** The unfinished assistant message that a resume sends back. */
export interface Prefill {
  readonly reasoning?: string;
  readonly content: string;
  readonly toolCalls?: readonly ToolCallView[];
  /** Fields sent in place of the dialect's own, undefined ones not at all: how a wrong client is played. */
  readonly wire?: Readonly<Record<string, unknown>>;
}

/** APIs beside the chat API by which the same conversation can be sent. */
export const ROUTES = ['messages', 'responses'] as const;
export type Route = (typeof ROUTES)[number];

/** A chat request; with `prefill` it is a resume. */
export interface ChatRequest {
  readonly messages: readonly Message[];
  readonly tools: readonly ToolDefinition[];
  readonly toolChoice?: ToolChoice;
  /** The content must be JSON that fits a schema. */
  readonly responseFormat?: ResponseFormat;
  /** Passed to the template as `enable_thinking`; undefined leaves the template's default. */
  readonly thinking: boolean | undefined;
  readonly prefill?: Prefill;
  /** True to send the server's explicit continuation flags with the prefill. */
  readonly flags?: boolean;
  /** By which API it is sent. @defaultValue chat completions */
  readonly route?: Route;
  /** True to ask for the whole answer at once: one delta holds all of it. */
  readonly whole?: boolean;
  /**
   * The stream is really cut after so many tokens, and its rest is read from the server's replay of
   * it. The answer is that of both parts; `Answer.held` says where the one ends.
   */
  readonly replayAfter?: number;
  /**
   * A prompt as text, to be gone on with as it stands: messages, template and parser are bypassed,
   * and the answer is all content. Only where the oracle is `prompt-text`.
   */
  readonly raw?: string;
}

/** How to sample; generation is always greedy. */
export interface SamplingOptions {
  readonly maxTokens: number;
  readonly stop?: readonly string[];
  /** Candidates to ask for at each position; 0 asks for none. */
  readonly top: number;
  /** `cold` asks the server to recompute the whole prompt, `warm` to reuse what it can. */
  readonly cache: 'cold' | 'warm';
}

/** How to read the stream. */
export interface ReadOptions {
  readonly signal: AbortSignal;
  /** Called after each event with what has been read so far; `true` closes the connection. */
  readonly stopWhen?: (progress: Progress) => boolean;
  /** What the answer is for; tells equal requests apart where answers are recorded. Not sent. */
  readonly use?: string;
}

/** What has been read of a stream so far. */
export interface Progress {
  readonly generated: number;
  readonly tokens: readonly PlacedToken[];
  readonly deltas: readonly Delta[];
}

/** A token with its place: 1 for the first generated token. Servers hide some tokens of a chat. */
export interface PlacedToken extends TokenEvent {
  readonly place: number;
}

/** What was read of one streamed answer. */
export interface Answer {
  readonly deltas: readonly Delta[];
  readonly tokens: readonly PlacedToken[];
  /** Tokens generated, as the server counts them; the number of placed tokens where it does not. */
  readonly generated: number;
  readonly finish: Finish | undefined;
  readonly end: StreamEnd;
  readonly usage: Usage;
  readonly timing: Timing;
  readonly capture: readonly RawChunk[];
  /** The request as sent, for reproduction lines; never holds a key. */
  readonly request: SentRequest;
  /** Of a stream that was cut and replayed: how many of the deltas came before the cut. */
  readonly held?: number;
}

/** A continuation token by token. */
export interface Completion {
  /** All generated tokens, the end-of-generation token included. */
  readonly tokens: readonly TokenEvent[];
  readonly finish: Finish | undefined;
  readonly usage: Usage;
  readonly totalMs: number;
  readonly request: SentRequest;
}

/** Token counts as the server states them. */
export interface Usage {
  readonly promptTokens: number | undefined;
  /** Prompt tokens that the server took from its cache. */
  readonly cachedTokens: number | undefined;
  /** Tokens generated, hidden ones too; told by servers that tell no ids. */
  readonly generatedTokens?: number | undefined;
}

/** Milliseconds from sending the request. */
export interface Timing {
  readonly firstEventMs: number | undefined;
  readonly totalMs: number;
}

export interface SentRequest {
  readonly method: 'GET' | 'POST';
  readonly url: string;
  /** Nothing where none is sent. */
  readonly body?: unknown;
  /** The header in which a key was sent, where one was; the key itself is never kept. */
  readonly keyHeader?: KeyHeader | undefined;
}

/** The prompt that the server makes of a chat request. */
export interface Rendered {
  readonly ids: readonly number[];
  readonly text: string | undefined;
  /** Whose render and tokenizer it is. */
  readonly source: 'server' | 'local';
  /** The requests that give it, for reproduction lines. */
  readonly requests: readonly SentRequest[];
}

/** What a target lets the harness see, and so how much a verdict on it is worth. */
export interface Capabilities {
  /**
   * Whose token ids are compared: the server's; those that a local tokenizer makes of the text; or
   * none, where a token is a piece of text as it was streamed.
   */
  readonly ids: 'server' | 'local' | 'none';
  /**
   * What is known of the prompt that a resume becomes: its ids, its text (and a text can be gone on
   * with), only how many tokens it has (`usage.prompt_tokens`), or nothing.
   */
  readonly oracle: 'prompt-ids' | 'prompt-text' | 'prompt-count' | 'none';
  /** False where the API has no flag or marker for a message to be continued. @defaultValue true */
  readonly flags?: boolean | undefined;
}

/** `Capabilities` and what they mean, as the record says it. */
export interface Strength extends Capabilities {
  /** One or two sentences for people: what a verdict does not prove here. */
  readonly says: string;
}

/** What is known of a target, for the run record. */
export interface TargetIdentity {
  readonly dialect: string;
  readonly url: string;
  readonly model: string;
  readonly engine: {
    readonly name: string;
    readonly version?: string | undefined;
    readonly build?: string | undefined;
  };
  readonly chatTemplateSha256?: string | undefined;
  /** Of the server's tokens for a fixed probe text, where its tokenizer file can't be read. */
  readonly tokenizerSha256?: string | undefined;
  readonly hops: readonly string[];
  /** Faults planted into the embedded server, as given on the command line. */
  readonly faults?: readonly string[] | undefined;
  /** The seed of the embedded server: which requests a fault with a rate strikes. */
  readonly faultSeed?: number | undefined;
  /** What it lets us see; absent where that is the server's own ids and prompts, and verdicts are as strong as they can be. */
  readonly strength?: Strength | undefined;
}

/** Counts of what a target has been asked to do. */
export interface Spending {
  readonly requests: number;
  readonly promptTokens: number;
  readonly generatedTokens: number;
}

/** A server that a run talks to. All methods throw `Refusal` for an HTTP error answer. */
export interface Target {
  readonly identity: TargetIdentity;
  /** Tokens that an answer may have, where that can be more than asked for. @defaultValue `maxTokens` */
  tokensAtMost?(request: ChatRequest, sampling: SamplingOptions): number;
  readonly chatTemplate: string | undefined;
  /**
   * True where all requests share one prefix cache: several can be made side by side, and each
   * finds its own prompt warm afterwards. @defaultValue false
   */
  readonly sharedCache?: boolean | undefined;
  readonly spending: Spending;
  /** Streams a chat answer. */
  chat(request: ChatRequest, sampling: SamplingOptions, read: ReadOptions): Promise<Answer>;
  /** The continuation of a prompt given as ids; template and parser are bypassed, every token is told. */
  complete(
    prompt: readonly number[],
    sampling: SamplingOptions,
    signal: AbortSignal,
  ): Promise<Completion>;
  /** The ids that the server will see for a chat request. Generates nothing. */
  render(request: ChatRequest, signal: AbortSignal): Promise<Rendered>;
  /** Tokenizes as the server does for prompts: control tokens are recognised, no BOS is added. */
  encode(text: string, signal: AbortSignal): Promise<readonly number[]>;
  /** Tokenizes what a model might have written: text that looks like a control token stays text. */
  encodePlain(text: string, signal: AbortSignal): Promise<readonly TokenEvent[]>;
  close(): Promise<void>;
}

export interface ConnectOptions {
  readonly url: string;
  readonly model?: string;
  /** Sent as a bearer token; never recorded. */
  readonly apiKey?: string;
  /** What is known of the engine from launching it. */
  readonly engine?: { readonly name: string; readonly version?: string; readonly build?: string };
  readonly faults?: readonly string[];
  readonly faultSeed?: number;
  /** What is known of the model from its files, for servers that do not tell it. */
  readonly files?: {
    /** The chat template that the server uses. */
    readonly chatTemplate?: string;
    /** The path of the model's `tokenizer.json`. */
    readonly tokenizer?: string;
  };
  readonly timeouts?: {
    readonly connectMs?: number;
    readonly headersMs?: number;
    readonly stallMs?: number;
  };
  /** Connections at most. */
  readonly connections?: number;
}

/** Sends one request and gives the JSON body of the answer; undefined when the server does not have it. */
export type Ask = (request: {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly body?: unknown;
}) => Promise<unknown>;

/** A service on the web. */
export interface Hosted {
  /** Domains of the service; a key variable of the vendor's is sent there and nowhere else. */
  readonly domains: readonly string[];
  /** The environment variable that the vendor's own tools read. */
  readonly keyVariable: string;
}

export interface Dialect {
  readonly name: string;
  /** One line: what the dialect can't do or see. */
  readonly limits: readonly string[];
  /** The service that this dialect is for; at its own address nothing is asked. */
  readonly hosted?: Hosted;
  /** Whether a server speaks this dialect, told from a few cheap requests. */
  recognises(ask: Ask): Promise<boolean>;
  connect(options: ConnectOptions, signal: AbortSignal): Promise<Target>;
}
