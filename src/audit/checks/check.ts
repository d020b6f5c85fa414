/** What a check of an audit is: a name, a question, and a judgement over one trial. */
import type { Cause } from '../../diagnosis/causes.ts';
import type { Interruption } from '../plan.ts';
import type { Sequel } from '../sequel.ts';
import type { Turn } from '../turn.ts';

/** In the order in which reports show them. */
export const AUDIT_CHECKS = [
  'break-noticed',
  'resumes',
  'prefill-whole',
  'edge-whitespace',
  'reasoning-kept',
  'no-empty-assistant',
  'own-prefill',
  'roles-alternate',
  'no-duplicates',
  'answer-whole',
  'complete-accepted',
  'refusal-handled',
  'retry-after-kept',
  'stall-noticed',
  'attempts',
] as const;
export type AuditCheckName = (typeof AUDIT_CHECKS)[number];

/** `not-seen`: nothing happened that could pass or fail; never counted as passed. */
export const AUDIT_VERDICTS = ['pass', 'fail', 'not-seen'] as const;
export type AuditVerdict = (typeof AUDIT_VERDICTS)[number];

/** What a client is held to, from the strictest on. */
export const EXPECTATIONS = [
  /** It goes on from what it holds. */
  'resume',
  /** It gets an answer, be it by starting over. */
  'recover',
  /** It says that the answer is not whole. */
  'notice',
] as const;
export type Expectation = (typeof EXPECTATIONS)[number];

export interface Judgement {
  readonly verdict: AuditVerdict;
  /** One line: what was seen, or why nothing was. */
  readonly detail: string;
  readonly cause?: Cause | undefined;
  /** The turns that show it. */
  readonly turns: readonly number[];
  /** Received and sent text around their first difference. */
  readonly texts?: { readonly held: string; readonly sent: string } | undefined;
}

/** How one of the client's commands ended. */
export interface CommandEnd {
  /** Null when a signal ended it. */
  readonly status: number | null;
  readonly timedOut: boolean;
  /** It said in its output that something failed, although its exit status may be 0. */
  readonly saidFailure: boolean;
  readonly stdout: string;
}

/** What an uninterrupted run of the client showed. */
export interface Control {
  readonly content: string;
  readonly stdout: string;
}

/** One trial, as the checks see it. */
export interface Observation {
  readonly interruption: Interruption;
  readonly expect: Expectation;
  readonly turns: readonly Turn[];
  readonly sequel: Sequel | undefined;
  readonly commands: readonly CommandEnd[];
  readonly control: Control | undefined;
  readonly stallMs: number;
  readonly retryAfterMs: number;
  /** Requests after an interruption that are still sensible. */
  readonly maxAttempts: number;
}

export interface Check {
  readonly name: AuditCheckName;
  /** What the client does where it passes. */
  readonly right: string;
  /** What it does where it fails. */
  readonly wrong: string;
  judge(seen: Observation): Judgement;
}

export const pass = (detail: string, ...turns: number[]): Judgement => ({
  verdict: 'pass',
  detail,
  turns,
});

export const fail = (
  detail: string,
  turns: readonly number[],
  more: Pick<Judgement, 'cause' | 'texts'> = {},
): Judgement => ({ verdict: 'fail', detail, turns, ...more });

export const notSeen = (detail: string): Judgement => ({ verdict: 'not-seen', detail, turns: [] });

/** Why a check that needs an interruption has nothing to say. */
export const UNBROKEN: Judgement = notSeen('no generation was interrupted');

/** How the client's command ended in which the interruption fell. */
export function endOf(seen: Observation): CommandEnd | undefined {
  return seen.commands[seen.sequel?.struck.command ?? 0];
}

/** True when the command says by its status or its words that it did not succeed. */
export function reportsFailure(end: CommandEnd | undefined): boolean {
  return end !== undefined && !end.timedOut && (end.status !== 0 || end.saidFailure);
}
