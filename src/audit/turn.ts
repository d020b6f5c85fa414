/** One generation that a client asked for, and what it got: what the judging sees. */
import type { JsonObject } from '../dialects/json.ts';
import type { Asked } from './conversation.ts';
import type { Delivered } from './delivered.ts';

/** How an answer ended, seen from the server's side. */
export const TURN_ENDS = [
  /** Handed on to its end, as the server gave it. */
  'whole',
  /** Broken by the audit. */
  'interrupted',
  /** Refused by the audit, for its trailing assistant message. */
  'refused',
  /** The client closed the connection first. */
  'client-left',
  /** The server answered with an error status of its own. */
  'server-refused',
  /** The server could not be reached or broke off. */
  'server-failed',
] as const;
export type TurnEnd = (typeof TURN_ENDS)[number];

/** Times in milliseconds since the client was started. */
export interface Turn {
  /** From 0, in the order of arrival. */
  readonly n: number;
  /** Which of the client's commands was running, from 0. */
  readonly command: number;
  readonly atMs: number;
  readonly endMs: number;
  readonly path: string;
  readonly asked: Asked;
  /** The request's body as it came. */
  readonly body: JsonObject;
  readonly status: number;
  readonly delivered: Delivered;
  readonly end: TurnEnd;
  /** The server's own words, where it refused. */
  readonly refusal?: string | undefined;
}
