/**
 * Prompt-checked seams a second against the embedded server, and the memory of the harness while
 * their number grows. The server has a process of its own.
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
import { llamacpp, loadScenarios, runCampaign, RunStore, strategiesNamed } from '../dist/index.js';

const CONCURRENCY = 16;
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { compare: { type: 'string', default: '0' }, json: { type: 'boolean', default: false } },
});
const wanted = Number(positionals[0] ?? 10_000);
const compare = Number(values.compare);
const { signal } = new AbortController();
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
    const rss = [];
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
        if (event.kind === 'seam' && ++seams % 1000 === 0)
          rss.push({ seams, mb: process.memoryUsage().rss / 2 ** 20 });
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
      // The first, the tenth and so on, and twenty between.
      rss: rss.filter(
        (_, i) => Number.isInteger(Math.log10(i + 1)) || (i + 1) % Math.ceil(rss.length / 20) === 0,
      ),
    };
  }
} finally {
  server.kill();
  rmSync(folder, { recursive: true, force: true });
}

function words({ seams, seconds, preparing, perSecond, requests, journalMb, rss }) {
  return [
    `${seams} seams in ${seconds.toFixed(1)} s after ${preparing.toFixed(1)} s of generations: ${perSecond.toFixed(0)} a second; ${requests} requests, journal ${journalMb.toFixed(1)} MB`,
    ...rss.map((at) => `${String(at.seams).padStart(9)} seams ${at.mb.toFixed(0).padStart(6)} MB`),
  ].join('\n');
}
