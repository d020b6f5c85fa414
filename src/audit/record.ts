/** The record of an audit: `audit.json`, and a line of `requests.ndjson` for each request. */
import { z } from 'zod';
import { CAUSE_NAMES, CULPRITS, type Cause, type Culprit } from '../diagnosis/causes.ts';
import type { JsonObject } from '../dialects/json.ts';
import {
  AUDIT_CHECKS,
  AUDIT_VERDICTS,
  EXPECTATIONS,
  type AuditCheckName,
  type AuditVerdict,
  type Expectation,
} from './checks/check.ts';
import { REASONING_FIELDS } from './conversation.ts';
import type { Delivered } from './delivered.ts';
import { ISOLATIONS, type Isolation } from './isolation.ts';
import { PLACES, WAYS, type Interruption } from './plan.ts';
import { TURN_ENDS, type TurnEnd } from './turn.ts';

/** The version of an audit's record; a change that older readers would misread makes it larger. */
export const AUDIT_VERSION = 1;

/** One check of one trial. */
export interface RecordedCheck {
  readonly check: AuditCheckName;
  readonly verdict: AuditVerdict;
  readonly detail: string;
  readonly cause?: Cause | undefined;
  /** Requests of the trial that show it, as numbered in `requests.ndjson`. */
  readonly turns: readonly number[];
  readonly texts?: { readonly held: string; readonly sent: string } | undefined;
}

export interface RecordedTrial {
  readonly name: string;
  readonly interruption: Interruption;
  readonly prompt: string;
  readonly next?: string | undefined;
  /** True when the interruption was made, or a request refused. */
  readonly made: boolean;
  /** The request that was interrupted. */
  readonly struck?: number | undefined;
  /** Generations asked for. */
  readonly requests: number;
  /** Other requests: lists of models and the like. */
  readonly others: number;
  readonly commands: readonly {
    readonly status: number | null;
    readonly ended: 'exit' | 'timeout' | 'aborted' | 'not-started';
    readonly ms: number;
    /** The ends of its outputs. */
    readonly stdout: string;
    readonly stderr: string;
  }[];
  readonly checks: readonly RecordedCheck[];
}

/** What a client does wrong, over all trials that show it. */
export interface AuditFinding {
  /** The cause, else the first check that failed. */
  readonly id: string;
  readonly culprit: Culprit;
  readonly cause?: Cause | undefined;
  readonly title: string;
  readonly checks: readonly AuditCheckName[];
  readonly trials: readonly string[];
  /** The first place where it was seen. */
  readonly example: RecordedCheck & { readonly trial: string };
}

export interface AuditRecord {
  readonly kind: 'audit';
  readonly schemaVersion: number;
  readonly tool: { readonly name: string; readonly version: string };
  readonly startedAt: string;
  readonly finishedAt: string;
  readonly interrupted: boolean;
  readonly name: string;
  readonly client: {
    readonly package?: string | undefined;
    readonly version?: string | undefined;
    readonly command: readonly string[];
    readonly isolation: Isolation;
  };
  readonly server: { readonly persona: string; readonly faults: readonly string[] };
  readonly expect: Expectation;
  readonly checks: Readonly<Record<AuditCheckName, Readonly<Record<AuditVerdict, number>>>>;
  readonly trials: readonly RecordedTrial[];
  readonly findings: readonly AuditFinding[];
  /** Planned, and not seen. */
  readonly notTested: readonly { readonly what: string; readonly why: string }[];
  /** Why the audit proves nothing, or less than it was asked to; none for a conclusive one. */
  readonly problems: readonly string[];
}

/** A request, as evidence. */
export interface RequestLine {
  readonly trial: string;
  readonly n: number;
  readonly command: number;
  readonly atMs: number;
  readonly endMs: number;
  readonly path: string;
  readonly status: number;
  readonly end: TurnEnd;
  readonly delivered: Delivered;
  readonly refusal?: string | undefined;
  readonly request: JsonObject;
}

const count = z.int().min(0);
const checkFields = {
  check: z.enum(AUDIT_CHECKS),
  verdict: z.enum(AUDIT_VERDICTS),
  detail: z.string(),
  cause: z.enum(CAUSE_NAMES).optional(),
  turns: z.array(count),
  texts: z.object({ held: z.string(), sent: z.string() }).optional(),
};

export const auditSchema: z.ZodType<AuditRecord> = z.object({
  kind: z.literal('audit'),
  schemaVersion: z.int(),
  tool: z.object({ name: z.string(), version: z.string() }),
  startedAt: z.string(),
  finishedAt: z.string(),
  interrupted: z.boolean(),
  name: z.string(),
  client: z.object({
    package: z.string().optional(),
    version: z.string().optional(),
    command: z.array(z.string()),
    isolation: z.enum(ISOLATIONS),
  }),
  server: z.object({ persona: z.string(), faults: z.array(z.string()) }),
  expect: z.enum(EXPECTATIONS),
  checks: z.record(z.enum(AUDIT_CHECKS), z.record(z.enum(AUDIT_VERDICTS), count)),
  trials: z.array(
    z.object({
      name: z.string(),
      interruption: z.object({
        at: z.enum(PLACES).optional(),
        how: z.enum(WAYS).optional(),
        refusePrefill: z.boolean(),
      }),
      prompt: z.string(),
      next: z.string().optional(),
      made: z.boolean(),
      struck: count.optional(),
      requests: count,
      others: count,
      commands: z.array(
        z.object({
          status: z.int().nullable(),
          ended: z.enum(['exit', 'timeout', 'aborted', 'not-started']),
          ms: z.number(),
          stdout: z.string(),
          stderr: z.string(),
        }),
      ),
      checks: z.array(z.object(checkFields)),
    }),
  ),
  findings: z.array(
    z.object({
      id: z.string(),
      culprit: z.enum(CULPRITS),
      cause: z.enum(CAUSE_NAMES).optional(),
      title: z.string(),
      checks: z.array(z.enum(AUDIT_CHECKS)),
      trials: z.array(z.string()),
      example: z.object({ ...checkFields, trial: z.string() }),
    }),
  ),
  notTested: z.array(z.object({ what: z.string(), why: z.string() })),
  problems: z.array(z.string()),
});

export const requestLineSchema: z.ZodType<RequestLine> = z.object({
  trial: z.string(),
  n: count,
  command: count,
  atMs: z.number(),
  endMs: z.number(),
  path: z.string(),
  status: z.int(),
  end: z.enum(TURN_ENDS),
  delivered: z.object({
    reasoning: z.string(),
    reasoningField: z.enum(REASONING_FIELDS).optional(),
    content: z.string(),
    calls: z.array(z.object({ name: z.string(), arguments: z.string() })),
    finish: z.string().optional(),
  }),
  refusal: z.string().optional(),
  request: z.record(z.string(), z.unknown()),
});
