/**
 * seamstress against the naive hammer on one real server, in one run: wall time, generated tokens,
 * requests, and whether both find the same.
 *
 *   node bench/naive.mjs [llama.cpp|vllm|reference] [--json]
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
const NAIVE = join(import.meta.dirname, 'naive.py');
const MOST = 1 << 28;

const folder = await mkdtemp(join(tmpdir(), 'seamstress-bench-'));
const server =
  engine === 'reference'
    ? await startReference().then((one) => ({ ...one, stop: () => one.close() }))
    : await startEngine(parseEngine(engine), { signal, progress: (line) => console.error(line) });
try {
  // The naive way knows no tools and no system prompts; ten prompts of the pack without them.
  const scenarios = (await loadScenarios(['thinker']))
    .filter(({ tools, messages }) => tools.length === 0 && messages.length === 1)
    .slice(0, 10);
  const dialect = engine.startsWith('vllm') ? vllm : llamacpp;
  const own = await sweep(dialect, server.url, server.files, scenarios);
  const naive = await hammer(dialect.name, server.url, scenarios);
  const both = compare(own, naive);
  console.log(
    process.argv.includes('--json')
      ? JSON.stringify({ engine, own, naive, ...both })
      : words(own, naive, both),
  );
} finally {
  await server.stop();
  await rm(folder, { recursive: true, force: true });
}

/** A full sweep of one way to resume, every prompt checked, the failing ones and a sample resumed. */
async function sweep(dialect, url, files, scenarios) {
  const started = performance.now();
  const target = await dialect.connect({ url, ...(files === undefined ? {} : { files }) }, signal);
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
      concurrency: 8,
      seed: 1,
      maxTimeMs: undefined,
      cache: false,
      recipes: false,
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

function words(own, naive, { common, onlyNaive, onlyOwn, ratios }) {
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
