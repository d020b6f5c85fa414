/** The first line of a tape: what was run against what, so that it can be run on or run again. */
import { z } from 'zod';
import type { TargetIdentity } from '../dialects/dialect.ts';
import { SeamstressError } from '../errors.ts';
import { parseJson } from '../parse-json.ts';
import { targetSchema } from '../reports/record.ts';
import { scenarioSchema, type Scenario } from '../scenario/schema.ts';

export interface TapeHeader {
  readonly target: TargetIdentity;
  readonly chatTemplate?: string | undefined;
  readonly startedAt: string;
  /** The plan of the campaign. */
  readonly plan: {
    readonly scenarios: readonly Scenario[];
    /** Names of the strategies, in the order of the plan. */
    readonly strategies: readonly string[];
    readonly lossy: boolean;
    readonly mode: 'sweep' | 'fuzz';
    readonly cuts: 'all' | number;
    readonly cases: number;
    readonly compare: number;
    readonly seed: number;
    readonly shard?: { readonly index: number; readonly of: number } | undefined;
  };
  /** The options of the command line that chose the target; they hold no key. */
  readonly options?: Readonly<Record<string, unknown>> | undefined;
}

const headerSchema: z.ZodType<TapeHeader> = z.object({
  target: targetSchema,
  chatTemplate: z.string().optional(),
  startedAt: z.string(),
  plan: z.object({
    scenarios: z.array(scenarioSchema),
    strategies: z.array(z.string()),
    lossy: z.boolean(),
    mode: z.enum(['sweep', 'fuzz']),
    cuts: z.union([z.literal('all'), z.int().min(1)]),
    cases: z.int().min(0),
    compare: z.int().min(0),
    seed: z.int().min(0),
    shard: z.object({ index: z.int().min(1), of: z.int().min(1) }).optional(),
  }),
  options: z.record(z.string(), z.unknown()).optional(),
});

/** @throws {SeamstressError} `config` when the line is not a header */
export function readHeader(line: string | undefined, path: string): TapeHeader {
  try {
    return headerSchema.parse(parseJson(line ?? ''));
  } catch (error) {
    throw new SeamstressError('config', `${path} has no header that can be read`, {
      hint: 'The run ended before it began, or the file is damaged; make it again.',
      cause: error,
    });
  }
}
