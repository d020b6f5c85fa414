/**
 * seamstress against the naive hammer on one real server, in one run: wall time, generated tokens,
 * requests, and whether both find the same. The naive way compares prompts alone, as `--compare 0`
 * does; a full sweep also resumes, and tells what the model makes of each wrong prompt.
 *
 *   node bench/naive.mjs [llama.cpp|vllm|reference] [--seed N] [--json]
 *   node bench/naive.mjs growth [--json]     generations of 100, 400 and 1,600 tokens, embedded server
 */
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs, promisify } from 'node:util';
import { vllm } from '../dist/dialects/vllm.js';
import { parseEngine, startEngine } from '../dist/engines/engine.js';
import {
  llamacpp,
  loadScenarios,
  runCampaign,
  startReference,
  strategiesNamed,
} from '../dist/index.js';
import { NOWHERE } from '../dist/reports/store.js';

const run = promisify(execFile);
const { signal } = new AbortController();
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { seed: { type: 'string', default: '1' }, json: { type: 'boolean', default: false } },
});
const [engine = 'llama.cpp'] = positionals;
/** Chooses the cuts that are really made. */
const seed = Number(values.seed);
/** As one would give it with --concurrency: llama.cpp has one slot here, vLLM is made for many. */
const concurrency = engine.startsWith('vllm') ? 32 : 8;
const NAIVE = join(import.meta.dirname, 'naive.py');
const MOST = 1 << 28;

/** The embedded server makes a mistake, so that there is something to be found. */
const planted = engine === 'reference' ? [{ name: 'newline-before-close', rate: 1 }] : [];

const folder = await mkdtemp(join(tmpdir(), 'seamstress-bench-'));
const server =
  engine === 'reference' || engine === 'growth'
    ? await startReference({ faults: planted }).then((one) => ({ ...one, stop: () => one.close() }))
    : await startEngine(parseEngine(engine), { signal, progress: (line) => console.error(line) });
const { json } = values;
try {
  if (engine === 'growth') {
    const rows = [];
    for (const tokens of [100, 400, 1600]) rows.push(await measure([await longAnswer(tokens)]));
    console.log(json ? JSON.stringify(rows) : growth(rows));
  } else {
    // The naive way knows no tools and no system prompts; ten prompts of the pack without them.
    const scenarios = (await loadScenarios(['thinker']))
      .filter(({ tools, messages }) => tools.length === 0 && messages.length === 1)
      .slice(0, 10);
    const result = await measure(scenarios);
    console.log(json ? JSON.stringify({ engine, ...result }) : words(result));
  }
} finally {
  await server.stop();
  await rm(folder, { recursive: true, force: true });
}

async function measure(scenarios) {
  const dialect = engine.startsWith('vllm') ? vllm : llamacpp;
  const alone = await sweep(dialect, server.url, server.files, scenarios, 0);
  const full = await sweep(dialect, server.url, server.files, scenarios, 24);
  const naive = await hammer(dialect.name, server.url, scenarios);
  return {
    naive,
    alone: { ...alone, ...against(alone, naive) },
    full: { ...full, ...against(full, naive) },
  };
}

/** A list of so many fruits that its answer has about as many tokens as are asked for. */
async function longAnswer(tokens) {
  const [pack] = await loadScenarios(['thinker']);
  const scenarioOf = (fruits) => ({
    ...pack,
    id: `fruits-${fruits}`,
    maxTokens: 4096,
    messages: [
      {
        role: 'user',
        content: `List these fruits with emoji: ${Array.from({ length: fruits }, (_, i) => ['banana', 'grape', 'lemon'][i % 3]).join(', ')}.`,
      },
    ],
  });
  let fruits = 1;
  while ((await lengthOf(scenarioOf(fruits))) < tokens) fruits += Math.max(1, fruits >> 3);
  return scenarioOf(fruits);
}

async function lengthOf({ messages }) {
  const answer = await fetch(`${server.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ messages, max_tokens: 4096, temperature: 0 }),
  });
  return (await answer.json()).usage.completion_tokens;
}

/** A sweep of one way to resume: every prompt checked, and what follows compared for so many tokens. */
async function sweep(dialect, url, files, scenarios, compare) {
  const started = performance.now();
  const known = files === undefined ? {} : { files };
  const target = await dialect.connect({ url, connections: concurrency, ...known }, signal);
  const wrong = Object.fromEntries(scenarios.map(({ id }) => [id, []]));
  const name = dialect.name === 'vllm' ? 'reasoning-field+flags' : 'reasoning-field';
  const record = await runCampaign(
    target,
    {
      scenarios,
      strategies: strategiesNamed([name]),
      lossy: true,
      mode: 'sweep',
      cuts: 'all',
      cases: 0,
      compare,
      concurrency,
      seed,
      maxTimeMs: undefined,
      cache: false,
      recipes: false,
      tokenization: false,
      signal,
    },
    {
      ...NOWHERE,
      seam: ({ scenario, k, verdict }) => {
        if (verdict !== 'exact' && k > 0) wrong[scenario].push(k);
      },
    },
    () => {},
  );
  await target.close();
  const { requests, generatedTokens, seams } = record.totals;
  const causes = record.findings.map(({ cause, count }) => `${cause} ${count}`);
  return {
    seconds: (performance.now() - started) / 1000,
    requests,
    generatedTokens,
    cuts: seams,
    wrong,
    causes,
  };
}

async function hammer(name, url, scenarios) {
  const pack = join(folder, 'pack.json');
  await writeFile(pack, JSON.stringify(scenarios));
  const { stdout } = await run('python3', [NAIVE, '--url', url, '--engine', name, pack], {
    maxBuffer: MOST,
  });
  return JSON.parse(stdout);
}

function against(own, naive) {
  let [missed, extra, common] = [0, 0, 0];
  for (const [id, cuts] of Object.entries(naive.wrong)) {
    const found = new Set(own.wrong[id]);
    common += cuts.filter((k) => found.has(k)).length;
    // Cuts that a client cannot tell apart: the naive way takes them for errors.
    extra += cuts.filter((k) => !found.has(k)).length;
    missed += own.wrong[id].filter((k) => !cuts.includes(k)).length;
  }
  return {
    common,
    onlyNaive: extra,
    onlyOwn: missed,
    ratios: {
      seconds: naive.seconds / own.seconds,
      generatedTokens: naive.generatedTokens / own.generatedTokens,
      requests: naive.requests / own.requests,
    },
  };
}

function failing(name, { common, onlyNaive, onlyOwn }) {
  return `failing cuts, ${name}: both ${common}, only naive ${onlyNaive}, only seamstress ${onlyOwn}`;
}

function times(ratio) {
  return `${ratio.toFixed(1)}×`.padStart(8);
}

function words({ naive, alone, full }) {
  const title = `${engine}, ${Object.keys(naive.wrong).length} prompts, ${naive.cuts} cuts`;
  const line = (name, key, digits = 0) =>
    [
      name.padEnd(title.length),
      naive[key].toFixed(digits).padStart(8),
      ...[alone, full].flatMap((own) => [
        own[key].toFixed(digits).padStart(14),
        `${own.ratios[key].toFixed(1)}×`.padStart(7),
      ]),
    ].join('');
  return [
    `${title}   naive prompts alone           full sweep`,
    line('wall time, s', 'seconds', 1),
    line('generated tokens', 'generatedTokens'),
    line('requests', 'requests'),
    failing('prompts alone', alone),
    failing('full sweep', full),
    `causes: ${full.causes.join(', ') || 'none'}`,
  ].join('\n');
}

function growth(rows) {
  const lines = rows.map(({ naive, alone, full }) =>
    [
      String(naive.cuts).padStart(7),
      String(naive.generatedTokens).padStart(9),
      ...[alone, full].flatMap(({ generatedTokens, ratios }) => [
        String(generatedTokens).padStart(9),
        times(ratios.generatedTokens),
        times(ratios.seconds),
      ]),
    ].join(' '),
  );
  return [
    'tokens:             prompts alone    less     time  full sweep  less     time',
    '   cuts     naive',
    ...lines,
  ].join('\n');
}
