/**
 * A generation: one uninterrupted run, token by token, and what a client could read of it at
 * each moment. Every cut is derived from it, so that no cut costs a new generation.
 */
import type { Scenario } from '../scenario/schema.ts';
import type { Candidates } from './candidates.ts';

/** Where a token lies. `opening` and `closing` are the think tags and what belongs to them. */
export const PHASES = ['opening', 'reasoning', 'closing', 'content', 'tool-call'] as const;
export type Phase = (typeof PHASES)[number];

/** A token as a server reports it. */
export interface TokenEvent {
  readonly id: number;
  /** The token's own bytes; empty for control tokens that servers do not print. */
  readonly bytes: Uint8Array;
  readonly logprob?: number;
  /** The most likely candidates at this position, where the server gives them. */
  readonly top?: Candidates;
}

/** A token of a generation. */
export interface GeneratedToken extends TokenEvent {
  readonly phase: Phase;
}

/** A tool call as far as a client has read it. */
export interface ToolCallView {
  readonly id?: string | undefined;
  readonly name: string;
  /** The arguments' JSON text, possibly cut. */
  readonly arguments: string;
}

/** What a client holds: the texts it has been sent, field by field. */
export interface View {
  readonly reasoning: string;
  readonly content: string;
  readonly toolCalls: readonly ToolCallView[];
}

export const EMPTY_VIEW: View = { reasoning: '', content: '', toolCalls: [] };

/** A fragment of a tool call; `index` says which call of the message it belongs to. */
export interface ToolCallDelta {
  readonly index: number;
  readonly id?: string;
  readonly name?: string;
  readonly arguments?: string;
}

/** One piece of a streamed message, with the number of tokens generated when it was sent. */
export interface Delta {
  /** Tokens generated so far, counted from the start of this stream (1 after the first token). */
  readonly after: number;
  readonly reasoning?: string;
  readonly content?: string;
  readonly toolCalls?: readonly ToolCallDelta[];
}

/** Why a generation stopped, in the words of the OpenAI API (`stop`, `length`, `tool_calls`, …). */
export type Finish = string;

/** Numbers of tokens as a server states them; undefined where it does not. */
export interface TokenCounts {
  readonly prompt?: number | undefined;
  /** All that were generated, hidden ones and the end of generation too. */
  readonly generated?: number | undefined;
}

export interface Generation {
  readonly scenario: Scenario;
  readonly promptIds: readonly number[];
  /** The rendered prompt, where the server tells it. */
  readonly promptText: string | undefined;
  /** All generated tokens, the end-of-generation token included where the server reports it. */
  readonly tokens: readonly GeneratedToken[];
  /** n: tokens before the end-of-generation token. Cuts run from 0 to n. */
  readonly length: number;
  readonly finish: Finish | undefined;
  /** The client's side of the same run, in order. */
  readonly deltas: readonly Delta[];
  /** True for a text that only plays the part of a generation (see `synthetic.ts`). */
  readonly synthetic: boolean;
  /** Tokens at its start that a client has written itself; no cut falls among them. @defaultValue 0 */
  readonly given?: number | undefined;
  /** Of a server that tells no ids (`generate-text.ts`): its tokens are pieces of text, its prompt is not known. */
  readonly counts?: TokenCounts | undefined;
}

/** The ids of `tokens[from:to]`. */
export function idsOf(
  tokens: readonly TokenEvent[],
  from = 0,
  to: number = tokens.length,
): number[] {
  const end = Math.min(to, tokens.length);
  const ids: number[] = [];
  for (let i = from; i < end; i++) ids.push((tokens[i] as TokenEvent).id);
  return ids;
}

/** The bytes of `tokens[from:to]`, joined. */
export function bytesOf(
  tokens: readonly TokenEvent[],
  from = 0,
  to: number = tokens.length,
): Uint8Array {
  const end = Math.min(to, tokens.length);
  let size = 0;
  for (let i = from; i < end; i++) size += (tokens[i] as TokenEvent).bytes.length;
  const all = new Uint8Array(size);
  let at = 0;
  for (let i = from; i < end; i++) {
    const { bytes } = tokens[i] as TokenEvent;
    // Tokens are a few bytes long: a call to copy them takes longer than to do it.
    for (let j = 0; j < bytes.length; j++) all[at + j] = bytes[j] as number;
    at += bytes.length;
  }
  return all;
}

/** The phase in which a cut after `k` tokens falls: that of the last token kept. */
export function phaseAt(generation: Generation, k: number): Phase {
  const token = generation.tokens[Math.max(0, Math.min(k, generation.length) - 1)];
  return token?.phase ?? 'content';
}
