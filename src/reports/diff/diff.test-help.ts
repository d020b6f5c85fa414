/** Records made by hand, for the reports that compare. */
import { CAUSES, type Cause } from '../../diagnosis/causes.ts';
import type { Phase } from '../../seam/generation.ts';
import type { StoredRun } from './load.ts';
import {
  SCHEMA_VERSION,
  runSchema,
  type Finding,
  type RunRecord,
  type VerdictCounts,
} from '../record.ts';

export const TARGET = {
  dialect: 'llama.cpp',
  url: 'http://127.0.0.1:1',
  model: 'thinker.gguf',
  engine: { name: 'llama.cpp', version: '2026.4.8929', build: 'b8929' },
  hops: [],
} as const;

const NONE: VerdictCounts = {
  exact: 0,
  drift: 0,
  diverged: 0,
  rejected: 0,
  unstable: 0,
  error: 0,
};

/** A cell of the matrix, as `cell('content', 'reasoning-field', { exact: 3 })`. */
export function cell(
  phase: Phase,
  strategy: string,
  verdicts: Partial<VerdictCounts>,
): RunRecord['totals']['matrix'][number] {
  return { phase, strategy, verdicts: { ...NONE, ...verdicts } };
}

export function finding(
  cause: Cause,
  where: Finding['where'],
  more: Partial<Finding> = {},
): Finding {
  const detail = more.detail ?? '';
  const scenario = {
    id: 'add',
    title: 'Add',
    messages: [{ role: 'user' as const, content: 'Add.' }],
    tools: [],
    maxTokens: 8,
    tags: [],
  };
  return {
    schemaVersion: SCHEMA_VERSION,
    id: `${cause}-${Buffer.from(`${cause}${detail}`).toString('hex').slice(-6)}`,
    check: 'prompt',
    verdict: 'diverged',
    cause,
    culprit: CAUSES[cause].culprit,
    detail,
    phase: where[0]?.phase ?? 'content',
    strategy: where[0]?.strategy ?? 'reasoning-field',
    count: where.reduce((sum, { count }) => sum + count, 0),
    where,
    scenarios: ['add'],
    cuts: { first: 0, last: 0 },
    summary: '',
    minimal: {
      scenario,
      k: 0,
      pauses: [],
      way: 'disconnect',
      view: { reasoning: '', content: '', toolCalls: [] },
      expected: { ids: [], text: '' },
      actual: { ids: [], text: '' },
      generation: { promptIds: [], tokens: [], length: 0, deltas: [], synthetic: false },
      requests: [],
    },
    replay: { command: 'seamstress replay x.json', curl: [] },
    target: TARGET,
    ...more,
  };
}

export interface RunFacts {
  readonly matrix: RunRecord['totals']['matrix'];
  readonly findings?: readonly Finding[];
  readonly plan?: Partial<RunRecord['plan']>;
  readonly more?: Partial<RunRecord>;
}

export function record({ matrix, findings = [], plan = {}, more = {} }: RunFacts): RunRecord {
  const verdicts = matrix.reduce<Record<keyof VerdictCounts, number>>(
    (sum, one) => {
      for (const name of Object.keys(sum) as (keyof VerdictCounts)[])
        sum[name] += one.verdicts[name];
      return sum;
    },
    { ...NONE },
  );
  const seams = Object.values(verdicts).reduce((sum, count) => sum + count, 0);
  const made: RunRecord = {
    schemaVersion: SCHEMA_VERSION,
    tool: { name: 'seamstress', version: '0.1.0' },
    startedAt: '2026-04-01T03:00:00.000Z',
    finishedAt: '2026-04-01T03:01:00.000Z',
    target: TARGET,
    plan: {
      seed: 1,
      mode: 'sweep',
      cuts: 'all',
      compare: 24,
      strategies: [...new Set(matrix.map(({ strategy }) => strategy))],
      scenarios: ['add'],
      seams,
      ...plan,
    },
    controls: {
      repeats: 2,
      repeatDisagreements: 0,
      tokenControl: { tried: 8, exact: 8 },
      tau: 0,
      realCuts: { tried: 0, asDerived: 0 },
    },
    totals: {
      seams,
      verdicts,
      byPhase: {},
      byStrategy: {},
      matrix,
      resumed: 0,
      requests: 10,
      promptTokens: 100,
      generatedTokens: 100,
      seconds: 1,
    },
    roundTrip: { cuts: 0, notIdempotent: 0, byClass: {} },
    whitespace: { drifted: 0, byChange: {}, changes: [] },
    cache: [],
    recipe: { matrix: [], byPhase: [], everywhere: [] },
    notTested: [],
    errors: [],
    findings,
    ...more,
  };
  return runSchema.parse(made);
}

/** A run without a journal. */
export function stored(facts: RunFacts): StoredRun {
  return { folder: 'reports/x', record: record(facts), seams: () => Promise.resolve(undefined) };
}
