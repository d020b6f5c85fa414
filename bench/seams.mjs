/**
 * Prompt-checked seams a second against the embedded server, and the memory of the harness while
 * their number grows: all that the process has, and from 100,000 seams on what is alive on the heap
 * after a collection, which would slow shorter runs down. The server has a process of its own.
 *
 *   node bench/seams.mjs [SEAMS] [--compare TOKENS] [--json]
 *
 * Without --compare the prompts alone are checked; with it what the model makes of resumes, too.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { llamacpp, loadScenarios, runCampaign, RunStore, strategiesNamed } from '../dist/index.js';

const CONCURRENCY = 16;
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { compare: { type: 'string', default: '0' }, json: { type: 'boolean', default: false } },
});
const wanted = Number(positionals[0] ?? 10_000);
const compare = Number(values.compare);
const { signal } = new AbortController();
setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc');
const main = join(import.meta.dirname, '..', 'dist', 'cli', 'main.js');
const server = spawn(process.execPath, [main, 'serve', '--port', '0'], {
  stdio: ['ignore', 'pipe', 'inherit'],
});
const [hello] = await once(server.stdout, 'data');
const url = /http:\/\/[\d.:]+/.exec(String(hello))[0];
const folder = mkdtempSync(join(tmpdir(), 'seamstress-bench-'));
try {
  const pack = await loadScenarios(['thinker']);
  const strategies = strategiesNamed([]);
  // One sweep of the pack tells how often it is needed.
  const per = (await sweep(pack, join(folder, 'once'))).seams;
  const times = Math.max(1, Math.round(wanted / per));
  const scenarios = Array.from({ length: times }, (_, i) =>
    pack.map((scenario) => ({ ...scenario, id: `${scenario.id}-${i}` })),
  ).flat();
  const result = await sweep(scenarios, join(folder, 'all'));
  console.log(values.json ? JSON.stringify(result) : words(result));

  async function sweep(own, out) {
    const target = await llamacpp.connect({ url, connections: CONCURRENCY }, signal);
    const memory = [];
    // Twenty between, and the first powers of ten.
    const every = Math.max(1, Math.round(wanted / 20_000)) * 1000;
    let seams = 0;
    let planned = 0;
    const store = new RunStore(out);
    const started = performance.now();
    const record = await runCampaign(
      target,
      {
        scenarios: own,
        strategies,
        lossy: false,
        mode: 'sweep',
        cuts: 'all',
        cases: 0,
        compare,
        concurrency: CONCURRENCY,
        seed: 1,
        maxTimeMs: undefined,
        cache: false,
        recipes: false,
        tokenization: false,
        signal,
      },
      store,
      (event) => {
        if (event.kind === 'planned') planned = performance.now();
        if (event.kind !== 'seam') return;
        seams++;
        if (seams % every === 0 || (seams >= 1000 && Number.isInteger(Math.log10(seams))))
          memory.push({ seams, ...megabytes() });
      },
    );
    await target.close();
    const seconds = (performance.now() - planned) / 1000;
    return {
      seams,
      findings: record.findings.length,
      seconds,
      preparing: (planned - started) / 1000,
      perSecond: seams / seconds,
      requests: record.totals.requests,
      journalMb: statSync(join(out, 'seams.ndjson')).size / 2 ** 20,
      memory,
    };
  }
} finally {
  server.kill();
  rmSync(folder, { recursive: true, force: true });
}

function megabytes() {
  const { rss } = process.memoryUsage();
  if (wanted < 100_000) return { rss: rss / 2 ** 20 };
  collect();
  return { rss: rss / 2 ** 20, live: process.memoryUsage().heapUsed / 2 ** 20 };
}

function words({ seams, seconds, preparing, perSecond, requests, journalMb, memory }) {
  return [
    `${seams} seams in ${seconds.toFixed(1)} s after ${preparing.toFixed(1)} s of generations: ${perSecond.toFixed(0)} a second; ${requests} requests, journal ${journalMb.toFixed(1)} MB`,
    ...memory.map(
      ({ seams: at, rss, live }) =>
        `${String(at).padStart(9)} seams ${rss.toFixed(0).padStart(6)} MB${live === undefined ? '' : `, ${live.toFixed(0)} alive`}`,
    ),
  ].join('\n');
}
