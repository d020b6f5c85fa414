/**
 * Five families of chat templates over the same weights on real engines, and answers that a client
 * has begun. What is asserted here is what `reports/examples/template-families` says.
 */
import { mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runCampaign, type CampaignOptions } from '../../src/campaign/run.ts';
import { openTarget } from '../../src/cli/target.ts';
import type { RunRecord } from '../../src/reports/record.ts';
import { RunStore } from '../../src/reports/store.ts';
import { loadScenarios } from '../../src/scenario/load.ts';
import { strategiesNamed } from '../../src/seam/named.ts';

const { signal } = new AbortController();
const folder = mkdtempSync(join(tmpdir(), 'seamstress-families-'));
afterAll(() => rm(folder, { recursive: true, force: true }));

interface Sweep {
  readonly engine: string;
  readonly family?: string;
  readonly pack?: string;
  readonly scenarios: readonly string[];
  readonly strategies?: readonly string[];
  readonly cuts?: 'all' | number;
}

let runs = 0;

async function sweep({ engine, family, pack, scenarios, ...more }: Sweep): Promise<RunRecord> {
  const template = join(import.meta.dirname, `../../models/thinker/templates/${family}.jinja`);
  const open = await openTarget(
    { engine, dialect: 'auto', ...(family === undefined ? {} : { chatTemplate: template }) },
    1,
    signal,
    () => {},
  );
  try {
    const all = await loadScenarios(pack === undefined ? [] : [pack]);
    const options: CampaignOptions = {
      scenarios: all.filter(({ id }) => scenarios.includes(id)),
      strategies: strategiesNamed(more.strategies ?? ['reasoning-field', 'reasoning-field+flags']),
      lossy: false,
      mode: 'sweep',
      cuts: more.cuts ?? 10,
      cases: 0,
      compare: 24,
      concurrency: 8,
      seed: 1,
      maxTimeMs: undefined,
      signal,
      cache: false,
    };
    const store = new RunStore(join(folder, String(runs++)));
    return await runCampaign(open.target, options, store, () => {});
  } finally {
    await open.close();
  }
}

/** Shares of seams that are exact, by phase and strategy. */
function exactIn({ totals }: RunRecord, phase: string, strategy = 'reasoning-field'): number {
  const cell = totals.matrix.find((one) => one.phase === phase && one.strategy === strategy);
  if (cell === undefined) return Number.NaN;
  const all = Object.values(cell.verdicts).reduce((sum, count) => sum + count, 0);
  return cell.verdicts.exact / all;
}

function causesIn(record: RunRecord): Set<string> {
  return new Set(record.findings.map(({ cause }) => cause));
}

function expectSound(record: RunRecord): void {
  const { controls, totals } = record;
  expect(controls.repeatDisagreements).toBe(0);
  expect(controls.tokenControl.tried).toBeGreaterThan(10);
  expect(controls.tokenControl.exact).toBe(controls.tokenControl.tried);
  expect(totals.verdicts).toMatchObject({ error: 0, rejected: 0 });
}

describe('llama.cpp', () => {
  const scenarios = ['add', 'json', 'chinese', 'poem'];
  const engine = 'llama.cpp@2026.10.11549';

  test.each(['deepseek', 'harmony', 'llama3', 'mistral', 'gemma'])(
    '%s: exact but for an empty message and runs of whitespace',
    async (family) => {
      const record = await sweep({ engine, family, scenarios });
      expectSound(record);
      const thinks = !['llama3', 'gemma'].includes(family);
      expect(Number.isNaN(exactIn(record, 'reasoning'))).toBe(!thinks);
      expect(exactIn(record, 'content')).toBeGreaterThan(0.75);
      if (thinks) expect(exactIn(record, 'reasoning')).toBeGreaterThan(0.7);
      const known = new Set(['header-missing', 'space-run', 'newline-run']);
      expect([...causesIn(record)].filter((cause) => !known.has(cause))).toEqual([]);
      // Mistral's prompt has no header that an empty message could take away.
      expect(causesIn(record).has('header-missing')).toBe(family !== 'mistral');
      if (family === 'harmony') {
        expect(exactIn(record, 'opening')).toBe(0);
        expect(record.recipe?.byPhase.find(({ phase }) => phase === 'opening')).toMatchObject({
          recipe: 'reasoning-field/start-over',
        });
      }
    },
  );

  test('JSON that is begun is gone on with under its schema', async () => {
    const json = ['json-schema', 'json-prefilled', 'json-prefilled-nested'];
    const record = await sweep({
      engine,
      pack: 'prefill',
      scenarios: json,
      strategies: ['reasoning-field/newline-less'],
      cuts: 'all',
    });
    expectSound(record);
    expect(causesIn(record)).not.toContain('json-restarted');
    expect(exactIn(record, 'content', 'reasoning-field/newline-less')).toBe(1);
  });

  test('a begun tool call is refused; its text is gone on with, but its name is sent again', async () => {
    const tools = ['tool-prefilled', 'tool-between', 'tool-second'];
    const text = 'reasoning-field/newline-less/tool-text';
    const record = await sweep({
      engine,
      pack: 'prefill',
      scenarios: tools,
      strategies: ['reasoning-field', text],
      cuts: 'all',
    });
    expect(record.errors).toEqual([]);
    expect(exactIn(record, 'tool-call')).toBe(0);
    expect(causesIn(record)).toContain('tool-call-refused');
    const best = record.recipe?.byPhase.find(({ phase }) => phase === 'tool-call');
    expect(best).toMatchObject({ recipe: text, exact: best?.tried });
    // Every prompt is right; of the resumed streams, those that are read begin with the name.
    const found = record.findings.filter(({ where }) =>
      where.some((cell) => cell.phase === 'tool-call' && cell.strategy === text),
    );
    expect(found.map(({ cause }) => cause)).toEqual(['tool-call-restarted']);
    expect(found[0]?.minimal.actual.text).toContain('get_weather');
  });
});

describe('vLLM', () => {
  let record: RunRecord;
  let begun: RunRecord;
  beforeAll(async () => {
    record = await sweep({
      engine: 'vllm',
      family: 'mistral',
      scenarios: ['add', 'poem'],
      cuts: 8,
    });
    begun = await sweep({
      engine: 'vllm',
      pack: 'prefill',
      scenarios: ['json-schema', 'json-prefilled-nested'],
      strategies: ['reasoning-field+flags'],
      cuts: 5,
    });
  });

  test('mistral: a closed turn without the flags, a closed thought with them', () => {
    expectSound(record);
    for (const phase of ['opening', 'reasoning', 'content']) expect(exactIn(record, phase)).toBe(0);
    expect([...causesIn(record)]).toEqual(
      expect.arrayContaining(['turn-closed', 'thinking-closed-early']),
    );
    expect(exactIn(record, 'opening', 'reasoning-field+flags')).toBe(1);
    expect(exactIn(record, 'content', 'reasoning-field+flags')).toBeGreaterThan(0.6);
  });

  test('the grammar of a response format begins anew behind what was prefilled', () => {
    const found = begun.findings.find(({ cause }) => cause === 'json-restarted');
    expect(found).toMatchObject({ culprit: 'engine', verdict: 'diverged' });
    expect(found?.minimal.actual.text?.trimStart()).toMatch(/^\{/);
  });
});
