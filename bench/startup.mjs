/**
 * How long `seamstress --help` takes to start, beside node with nothing to do, in turn.
 *
 *   node bench/startup.mjs [--rounds 21] [--json] [-- ARGUMENT…]
 *
 * A loaded machine stretches both; the ratio is taken within each round, and the shortest time is
 * the nearest to what an idle machine needs. The goal is 150 ms there.
 */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

const MAIN = join(import.meta.dirname, '../dist/cli/main.js');
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string', default: '21' },
    json: { type: 'boolean', default: false },
  },
});
const asked = positionals.length === 0 ? ['--help'] : positionals;
const rounds = Number(values.rounds);

const samples = [];
for (let round = -1; round < rounds; round++) {
  const first = round % 2 === 0;
  const early = first ? timed('-e', '0') : timed(MAIN, ...asked);
  const late = first ? timed(MAIN, ...asked) : timed('-e', '0');
  const [bare, own] = first ? [early, late] : [late, early];
  // The first round only warms up.
  if (round >= 0) samples.push({ bare, own, ratio: own / bare });
}
const result = {
  command: asked.join(' '),
  ownMs: median('own'),
  bareMs: median('bare'),
  ratio: median('ratio'),
  leastOwnMs: Math.min(...samples.map(({ own }) => own)),
  leastBareMs: Math.min(...samples.map(({ bare }) => bare)),
};
console.log(values.json ? JSON.stringify(result) : sentence(result));

function timed(...words) {
  const started = performance.now();
  const { status, error } = spawnSync(process.execPath, words, { stdio: 'ignore' });
  if (error !== undefined || status !== 0)
    throw error ?? new Error(`${words.join(' ')}: ${status}`);
  return performance.now() - started;
}

function median(key) {
  const sorted = samples.map((sample) => sample[key]).toSorted((a, b) => a - b);
  return sorted[sorted.length >> 1];
}

function sentence({ command, ownMs, bareMs, ratio, leastOwnMs, leastBareMs }) {
  return `seamstress ${command}: median ${ms(ownMs)}, least ${ms(leastOwnMs)}; node alone ${ms(bareMs)}, least ${ms(leastBareMs)}; ratio ${ratio.toFixed(2)}`;
}

function ms(time) {
  return `${time.toFixed(0)} ms`;
}
