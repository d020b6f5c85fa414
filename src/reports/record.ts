/**
 * The run record: `run.json`, one line of `seams.ndjson`, and `findings/<id>.json`. Reports read
 * nothing else. A newer tool reads older records; a record from a newer one is refused.
 */
import { z } from 'zod';
import { CHECKS, VERDICTS, type CheckName, type Verdict } from '../checks/verdict.ts';
import { CAUSE_NAMES, CULPRITS, type Cause, type Culprit } from '../diagnosis/causes.ts';
import type { SentRequest, TargetIdentity } from '../dialects/dialect.ts';
import { KEY_HEADERS } from '../wire/key.ts';
import { SeamstressError } from '../errors.ts';
import { hopsSchema, type HopsReport } from './hops.ts';
import { scenarioSchema, type Scenario } from '../scenario/schema.ts';
import { comparisonSchema, type TokenizerComparison } from '../tokens/compareSchema.ts';
import { roundTripTableSchema, type RoundTripTable } from '../tokens/reportSchema.ts';
import { WAYS, type Way } from '../seam/cut.ts';
import type { Candidate } from '../seam/candidates.ts';
import { PHASES, type Phase, type TokenCounts, type View } from '../seam/generation.ts';

/** The version that this tool writes. */
export const SCHEMA_VERSION = 2;

/** One kind of whitespace change at seams: a row of the whitespace table. */
export interface WhitespaceChange {
  /** Beside what it changed. */
  readonly where: WhitespacePlace;
  /** Visible glyphs; empty for nothing. */
  readonly wanted: string;
  readonly got: string;
  readonly phase: Phase;
  readonly strategy: string;
  readonly count: number;
  /** What it does to the next-token distribution, against the token control at the same cut. */
  readonly distribution?: DistributionChange | undefined;
}

/** `seam`: right where the resumed text begins; `text`: elsewhere in the message. */
export const WHITESPACE_PLACES = [
  'reasoning-start',
  'before-close',
  'after-close',
  'content-start',
  'seam',
  'text',
] as const;
export type WhitespacePlace = (typeof WHITESPACE_PLACES)[number];

/** Divergences of next-token distributions, over the candidates that the server tells. */
export interface DistributionChange {
  /** Seams at which both distributions are known. */
  readonly seams: number;
  /** Kullback-Leibler divergence of the resumed distribution from the control's, in nats. */
  readonly kl: { readonly median: number; readonly max: number };
  /** Total variation distance, 0 to 1. */
  readonly tv: { readonly median: number; readonly max: number };
}

/** Round trips through the tokenizer, and how the local one compares with the server's. */
export interface Tokenization {
  /** By scenario. */
  readonly table: RoundTripTable;
  /** Absent without a local tokenizer. */
  readonly comparison?: TokenizerComparison | undefined;
}

/** How resumes of one strategy used the server's prompt cache. */
export interface CacheRow {
  readonly strategy: string;
  /** Warm resumes made, right after the generation that they go on with. */
  readonly resumes: number;
  /** Of those, how many took less than half as much of their prompt from the cache as a resume by ids. */
  readonly discarded: number;
  /** Share of the prompt taken from the cache, 0 to 1; undefined where the server tells no counts. */
  readonly reused?: { readonly median: number; readonly min: number } | undefined;
  /** Median share that a resume by ids takes from the cache: what was possible. */
  readonly possible?: number | undefined;
  /** Median milliseconds to the first event. */
  readonly warmFirstEventMs?: number | undefined;
  readonly coldFirstEventMs?: number | undefined;
}

/** One judged seam: a line of `seams.ndjson`. */
export interface SeamLine {
  readonly scenario: string;
  /** Tokens kept, of n. */
  readonly k: number;
  readonly n: number;
  /** Earlier pauses of the same generation, in tokens. */
  readonly pauses?: readonly number[] | undefined;
  readonly synthetic?: boolean | undefined;
  readonly phase: Phase;
  readonly strategy: string;
  readonly way: Way;
  readonly verdict: Verdict;
  readonly check?: CheckName | undefined;
  /** The checks that were made; what is not listed was not tested. */
  readonly basis: readonly CheckName[];
  readonly cause?: Cause | undefined;
  readonly detail?: string | undefined;
  /** The cut that the resumed prompt stands for, where it is not k. */
  readonly kept?: number | undefined;
  /** Resumed tokens compared with the uninterrupted ones. */
  readonly compared?: number | undefined;
  /** The first resumed token that differs, and the gap between the two candidates in nats. */
  readonly flip?: { readonly at: number; readonly gap?: number | undefined } | undefined;
  readonly reruns?: number | undefined;
  readonly error?: string | undefined;
}

/** A failing seam made minimal. */
export interface Finding {
  readonly schemaVersion: number;
  readonly id: string;
  readonly check: CheckName;
  readonly verdict: Verdict;
  readonly cause: Cause;
  readonly culprit: Culprit;
  readonly detail: string;
  /** Of the minimal example. */
  readonly phase: Phase;
  readonly strategy: string;
  readonly count: number;
  readonly where: readonly {
    readonly phase: Phase;
    readonly strategy: string;
    readonly count: number;
  }[];
  readonly scenarios: readonly string[];
  /** Smallest and largest cut at which it was seen. */
  readonly cuts: { readonly first: number; readonly last: number };
  readonly summary: string;
  readonly minimal: MinimalExample;
  readonly replay: { readonly command: string; readonly curl: readonly string[] };
  readonly target: TargetIdentity;
  readonly fuzz?: { readonly seed: number; readonly path: string } | undefined;
}

/** Everything that is needed to judge the seam again without a new generation. */
export interface MinimalExample {
  readonly scenario: Scenario;
  readonly k: number;
  readonly pauses: readonly number[];
  readonly way: Way;
  readonly view: View;
  readonly expected: { readonly ids: readonly number[]; readonly text: string };
  readonly actual: { readonly ids: readonly number[]; readonly text: string };
  /** Index of the first differing id. */
  readonly at?: number | undefined;
  readonly generation: StoredGeneration;
  readonly requests: readonly SentRequest[];
}

/** A generation as stored in a finding; bytes are base64. */
export interface StoredGeneration {
  readonly promptIds: readonly number[];
  readonly promptText?: string | undefined;
  readonly tokens: readonly {
    readonly id: number;
    readonly bytes: string;
    readonly phase: Phase;
    readonly logprob?: number | undefined;
    readonly top?: readonly Candidate[] | undefined;
  }[];
  readonly length: number;
  readonly finish?: string | undefined;
  readonly deltas: readonly unknown[];
  readonly synthetic: boolean;
  /** Of a server that tells no ids: how many tokens it counted. */
  readonly counts?: TokenCounts | undefined;
}

export type VerdictCounts = Readonly<Record<Verdict, number>>;

export interface RecipeScore {
  readonly phase: Phase;
  readonly recipe: string;
  readonly tried: number;
  readonly exact: number;
}

/** What a run did and found: `run.json`. */
export interface RunRecord {
  readonly schemaVersion: number;
  readonly tool: { readonly name: string; readonly version: string };
  readonly startedAt: string;
  readonly finishedAt: string;
  /** Why the run ended early; undefined when it did all it had planned. */
  readonly interrupted?: 'signal' | 'max-time' | 'target-lost' | 'budget' | undefined;
  readonly target: TargetIdentity;
  readonly plan: {
    readonly seed: number;
    readonly mode: 'sweep' | 'fuzz';
    readonly cuts: 'all' | number;
    /** Tokens compared after a cut at most. */
    readonly compare: number;
    readonly strategies: readonly string[];
    readonly scenarios: readonly string[];
    readonly seams: number;
    /** The share of the seams that this run judged, where it was split over machines; 1-based. */
    readonly shard?: { readonly index: number; readonly of: number } | undefined;
  };
  readonly controls: {
    readonly repeats: number;
    readonly repeatDisagreements: number;
    readonly tokenControl: { readonly tried: number; readonly exact: number };
    /** Near-tie threshold, in nats. */
    readonly tau: number;
    /** Cuts that were really made, to confirm the views derived from the uninterrupted run. */
    readonly realCuts: { readonly tried: number; readonly asDerived: number };
  };
  readonly totals: {
    readonly seams: number;
    readonly verdicts: VerdictCounts;
    readonly byPhase: Readonly<Record<string, VerdictCounts>>;
    readonly byStrategy: Readonly<Record<string, VerdictCounts>>;
    readonly matrix: readonly {
      readonly phase: Phase;
      readonly strategy: string;
      readonly verdicts: VerdictCounts;
    }[];
    /** Seams whose resume was really generated, not only rendered. */
    readonly resumed: number;
    readonly requests: number;
    readonly promptTokens: number;
    readonly generatedTokens: number;
    readonly seconds: number;
  };
  readonly roundTrip: {
    readonly cuts: number;
    readonly notIdempotent: number;
    readonly byClass: Readonly<Record<string, number>>;
  };
  readonly whitespace: {
    readonly drifted: number;
    readonly byChange: Readonly<Record<string, number>>;
    /** Empty in records before version 2. */
    readonly changes: readonly WhitespaceChange[];
  };
  /** Empty in records before version 2. */
  readonly cache: readonly CacheRow[];
  /** What a gateway did to resumes, where one was tested. */
  readonly hops?: HopsReport | undefined;
  /** Absent where the target tells no ids. */
  readonly tokenization?: Tokenization | undefined;
  readonly recipe: {
    /** Recipes, each a strategy and its edits, tried by the prompt check at a sample of cuts. */
    readonly matrix: readonly RecipeScore[];
    /** The best recipe of each phase, at every cut. */
    readonly byPhase: readonly RecipeScore[];
    /** The one recipe that is best over all phases, at every cut of each. */
    readonly everywhere: readonly RecipeScore[];
  };
  readonly notTested: readonly {
    readonly what: string;
    readonly why: string;
    readonly count?: number | undefined;
  }[];
  readonly errors: readonly string[];
  readonly findings: readonly Finding[];
}

const count = z.int().min(0);
const counts: z.ZodType<VerdictCounts> = z.record(z.enum(VERDICTS), count);
const ids = z.array(z.int());
const spread = z.object({ median: z.number(), max: z.number() });
const score = z.object({ phase: z.enum(PHASES), recipe: z.string(), tried: count, exact: count });

export const targetSchema: z.ZodType<TargetIdentity> = z.object({
  dialect: z.string(),
  url: z.string(),
  model: z.string(),
  engine: z.object({
    name: z.string(),
    version: z.string().optional(),
    build: z.string().optional(),
  }),
  chatTemplateSha256: z.string().optional(),
  tokenizerSha256: z.string().optional(),
  hops: z.array(z.string()),
  faults: z.array(z.string()).optional(),
  faultSeed: z.int().optional(),
  strength: z
    .object({
      ids: z.enum(['server', 'local', 'none']),
      oracle: z.enum(['prompt-ids', 'prompt-text', 'prompt-count', 'none']),
      flags: z.boolean().optional(),
      says: z.string(),
    })
    .optional(),
});

const viewSchema = z.object({
  reasoning: z.string(),
  content: z.string(),
  toolCalls: z.array(
    z.object({ id: z.string().optional(), name: z.string(), arguments: z.string() }),
  ),
});

const requestSchema = z.object({
  method: z.enum(['GET', 'POST']),
  url: z.string(),
  body: z.unknown().optional(),
  keyHeader: z.enum(KEY_HEADERS).optional(),
});

export const findingSchema: z.ZodType<Finding> = z
  .object({
    schemaVersion: z.int(),
    id: z.string().regex(/^[A-Za-z0-9._-]{1,80}$/),
    check: z.enum(CHECKS),
    verdict: z.enum(VERDICTS),
    cause: z.enum(CAUSE_NAMES),
    culprit: z.enum(CULPRITS),
    detail: z.string(),
    phase: z.enum(PHASES),
    strategy: z.string(),
    count,
    where: z.array(z.object({ phase: z.enum(PHASES), strategy: z.string(), count })),
    scenarios: z.array(z.string()),
    cuts: z.object({ first: count, last: count }),
    summary: z.string(),
    minimal: z.object({
      scenario: scenarioSchema,
      k: count,
      pauses: z.array(count),
      way: z.enum(WAYS),
      view: viewSchema,
      expected: z.object({ ids, text: z.string() }),
      actual: z.object({ ids, text: z.string() }),
      at: count.optional(),
      generation: z.object({
        promptIds: ids,
        promptText: z.string().optional(),
        tokens: z.array(
          z.object({
            id: z.int(),
            bytes: z.base64(),
            phase: z.enum(PHASES),
            logprob: z.number().optional(),
            top: z.array(z.object({ id: z.int(), logprob: z.number() })).optional(),
          }),
        ),
        length: count,
        finish: z.string().optional(),
        deltas: z.array(z.unknown()),
        synthetic: z.boolean(),
        counts: z.object({ prompt: count.optional(), generated: count.optional() }).optional(),
      }),
      requests: z.array(requestSchema),
    }),
    replay: z.object({ command: z.string(), curl: z.array(z.string()) }),
    target: targetSchema,
    fuzz: z.object({ seed: z.int(), path: z.string() }).optional(),
  })
  .refine(({ minimal }) => minimal.k <= minimal.generation.length, {
    path: ['minimal', 'k'],
    message: 'it cuts beyond the end of its generation',
  });

export const seamLineSchema: z.ZodType<SeamLine> = z.object({
  scenario: z.string(),
  k: count,
  n: count,
  pauses: z.array(count).optional(),
  synthetic: z.boolean().optional(),
  phase: z.enum(PHASES),
  strategy: z.string(),
  way: z.enum(WAYS),
  verdict: z.enum(VERDICTS),
  check: z.enum(CHECKS).optional(),
  basis: z.array(z.enum(CHECKS)),
  cause: z.enum(CAUSE_NAMES).optional(),
  detail: z.string().optional(),
  kept: count.optional(),
  compared: count.optional(),
  flip: z.object({ at: count, gap: z.number().optional() }).optional(),
  reruns: count.optional(),
  error: z.string().optional(),
});

export const runSchema: z.ZodType<RunRecord> = z.object({
  schemaVersion: z.int(),
  tool: z.object({ name: z.string(), version: z.string() }),
  startedAt: z.string(),
  finishedAt: z.string(),
  interrupted: z.enum(['signal', 'max-time', 'target-lost', 'budget']).optional(),
  target: targetSchema,
  plan: z.object({
    seed: z.int(),
    mode: z.enum(['sweep', 'fuzz']),
    cuts: z.union([z.literal('all'), count]),
    compare: count,
    strategies: z.array(z.string()),
    scenarios: z.array(z.string()),
    seams: count,
    shard: z.object({ index: z.int().min(1), of: z.int().min(1) }).optional(),
  }),
  controls: z.object({
    repeats: count,
    repeatDisagreements: count,
    tokenControl: z.object({ tried: count, exact: count }),
    tau: z.number(),
    realCuts: z.object({ tried: count, asDerived: count }),
  }),
  totals: z.object({
    seams: count,
    verdicts: counts,
    byPhase: z.record(z.string(), counts),
    byStrategy: z.record(z.string(), counts),
    matrix: z.array(z.object({ phase: z.enum(PHASES), strategy: z.string(), verdicts: counts })),
    resumed: count,
    requests: count,
    promptTokens: count,
    generatedTokens: count,
    seconds: z.number(),
  }),
  roundTrip: z.object({ cuts: count, notIdempotent: count, byClass: z.record(z.string(), count) }),
  whitespace: z.object({
    drifted: count,
    byChange: z.record(z.string(), count),
    changes: z
      .array(
        z.object({
          where: z.enum(WHITESPACE_PLACES),
          wanted: z.string(),
          got: z.string(),
          phase: z.enum(PHASES),
          strategy: z.string(),
          count,
          distribution: z.object({ seams: count, kl: spread, tv: spread }).optional(),
        }),
      )
      .default([]),
  }),
  hops: hopsSchema.optional(),
  tokenization: z
    .object({ table: roundTripTableSchema, comparison: comparisonSchema.optional() })
    .optional(),
  cache: z
    .array(
      z.object({
        strategy: z.string(),
        resumes: count,
        discarded: count,
        reused: z.object({ median: z.number(), min: z.number() }).optional(),
        possible: z.number().optional(),
        warmFirstEventMs: z.number().optional(),
        coldFirstEventMs: z.number().optional(),
      }),
    )
    .default([]),
  recipe: z.object({ matrix: z.array(score), byPhase: z.array(score), everywhere: z.array(score) }),
  notTested: z.array(z.object({ what: z.string(), why: z.string(), count: count.optional() })),
  errors: z.array(z.string()),
  findings: z.array(findingSchema),
});

/**
 * Checks a record read from a file.
 *
 * @throws {SeamstressError} `config` when it is from a newer tool or does not fit the schema
 */
export function readRecord<T>(schema: z.ZodType<T>, value: unknown, file: string): T {
  const version = (value as { schemaVersion?: unknown } | null)?.schemaVersion;
  if (typeof version === 'number' && version > SCHEMA_VERSION)
    throw new SeamstressError(
      'config',
      `${file} was written by a newer seamstress (record version ${version})`,
      {
        hint: `This one reads versions up to ${SCHEMA_VERSION}; update it.`,
      },
    );
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  const where = issue?.path.join('.');
  throw new SeamstressError(
    'config',
    `${file} is not a seamstress record: ${where === undefined || where === '' ? '' : `${where}: `}${issue?.message ?? ''}`,
    {
      hint: 'Give a file that seamstress run wrote.',
    },
  );
}
