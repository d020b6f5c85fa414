/**
 * seamstress against the naive hammer on one real server, in one run: wall time, generated tokens,
 * requests, and whether both find the same.
 *
 *   node bench/naive.mjs [llama.cpp|vllm|reference] [--json]
 *   node bench/naive.mjs growth [--json]     generations of 100, 400 and 1,600 tokens, embedded server
 */
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
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
const engine = process.argv[2] ?? 'llama.cpp';
/** As one would give it with --concurrency: llama.cpp has one slot here, vLLM is made for many. */
const concurrency = engine.startsWith('vllm') ? 32 : 8;
const NAIVE = join(import.meta.dirname, 'naive.py');
const MOST = 1 << 28;

const folder = await mkdtemp(join(tmpdir(), 'seamstress-bench-'));
const server =
  engine === 'reference' || engine === 'growth'
    ? await startReference().then((one) => ({ ...one, stop: () => one.close() }))
    : await startEngine(parseEngine(engine), { signal, progress: (line) => console.error(line) });
const json = process.argv.includes('--json');
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
  const own = await sweep(dialect, server.url, server.files, scenarios);
  const naive = await hammer(dialect.name, server.url, scenarios);
  return { own, naive, ...compare(own, naive) };
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

/** A full sweep of one way to resume, every prompt checked, the failing ones and a sample resumed. */
async function sweep(dialect, url, files, scenarios) {
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
      compare: 24,
      concurrency,
      seed: 1,
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

function compare(own, naive) {
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

function words({ own, naive, common, onlyNaive, onlyOwn, ratios }) {
  const line = (name, key, digits = 0) =>
    `${name.padEnd(18)} ${own[key].toFixed(digits).padStart(10)} ${naive[key].toFixed(digits).padStart(10)} ${ratios[key].toFixed(1).padStart(8)}×`;
  return [
    `${engine}, ${Object.keys(naive.wrong).length} prompts, ${naive.cuts} cuts   seamstress      naive`,
    line('wall time, s', 'seconds', 1),
    line('generated tokens', 'generatedTokens'),
    line('requests', 'requests'),
    `failing cuts       both ${common}, only naive ${onlyNaive}, only seamstress ${onlyOwn}`,
    `causes             ${own.causes.join(', ') || 'none'}`,
  ].join('\n');
}

function growth(rows) {
  const lines = rows.map(({ own, naive, ratios }) =>
    [
      String(naive.cuts).padStart(7),
      String(own.generatedTokens).padStart(12),
      String(naive.generatedTokens).padStart(10),
      `${ratios.generatedTokens.toFixed(1)}×`.padStart(8),
      `${ratios.seconds.toFixed(1)}×`.padStart(8),
    ].join(' '),
  );
  return ['   cuts   seamstress      naive   tokens     time', ...lines].join('\n');
}
