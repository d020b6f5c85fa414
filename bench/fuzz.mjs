/**
 * How soon fuzzing finds each fault that can be planted: cases until the first failure with one of
 * the fault's causes, and runs of cases until its minimal example, over several seeds.
 *
 *   node bench/fuzz.mjs [--seeds 5] [--seed 1] [--cases 1000] [--only FAULT,…] [--json FILE]
 *                       [--scenarios PACK]
 *
 * The conversations and strategies are those of the self-test, where each fault can be seen; with
 * `--scenarios` they are the same for all: that pack, and the strategies of a run that names none.
 * Exit status 1 when a fault is not found within so many cases. Legal oddities of a transport have
 * no cause, and are left out.
 */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { Controls } from '../dist/campaign/controls.js';
import { fuzz } from '../dist/campaign/fuzz.js';
import { judgeFor } from '../dist/campaign/judge-text.js';
import { Ledger } from '../dist/campaign/ledger.js';
import { freshState } from '../dist/campaign/make-record.js';
import { planFor } from '../dist/campaign/selftest-plan.js';
import { Shelf } from '../dist/campaign/shelf.js';
import { makeSubjects, runTokenControls } from '../dist/campaign/subjects.js';
import { llamacpp, loadScenarios, startReference, strategiesNamed } from '../dist/index.js';
import { throughFaultyClient } from '../dist/reference/client-faults.js';
import { FAULTS } from '../dist/reference/faults.js';

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '5' },
    seed: { type: 'string', default: '1' },
    cases: { type: 'string', default: '1000' },
    only: { type: 'string' },
    json: { type: 'string' },
    scenarios: { type: 'string' },
  },
});
const pack =
  values.scenarios === undefined
    ? {}
    : { scenarios: await loadScenarios([values.scenarios]), strategies: [] };
const cases = Number(values.cases);
const seeds = Array.from({ length: Number(values.seeds) }, (_, i) => Number(values.seed) + i);
const only = values.only?.split(',');
const names = Object.keys(FAULTS).filter(
  (name) =>
    (only?.includes(name) ?? true) && (FAULTS[name].causes.length > 0 || FAULTS[name].shows),
);

const rows = [];
console.log(
  `${'fault'.padEnd(28)}${'found after'.padStart(18)}${'minimal after'.padStart(18)}${'seconds'.padStart(10)}`,
);
for (const name of names) {
  const tries = [];
  for (const seed of seeds) tries.push(await look(name, seed));
  const row = { fault: name, tries };
  rows.push(row);
  console.log(wordsOf(row));
}
const missed = rows.flatMap(({ fault, tries }) =>
  tries.filter(({ found }) => found === undefined).map(({ seed }) => `${fault} (seed ${seed})`),
);
console.log(`\n${rows.length} faults, ${seeds.length} seeds: cases, median (worst)`);
if (missed.length > 0) console.log(`not found within ${cases} cases: ${missed.join(', ')}`);
if (values.json !== undefined)
  writeFileSync(values.json, `${JSON.stringify({ cases, seeds, rows }, undefined, 2)}\n`);
process.exitCode = missed.length > 0 ? 1 : 0;

/** Fuzzes a server with one fault until that is found. */
async function look(name, seed) {
  const { causes, shows } = FAULTS[name];
  const plan = { ...planFor([name], false), ...pack };
  const stop = new AbortController();
  const { signal } = stop;
  const started = performance.now();
  const planted = [{ name, rate: 1 }];
  const server = await startReference({ faults: planted, seed });
  const connected = await llamacpp.connect(
    { url: server.url, engine: { name: 'reference' }, timeouts: { stallMs: plan.stallMs } },
    signal,
  );
  const target = throughFaultyClient(connected, planted, seed);
  const options = {
    ...plan,
    strategies: strategiesNamed(plan.strategies),
    cases,
    concurrency: 1,
    seed,
    signal,
  };
  let drawn = 0;
  let runs = 0;
  let found;
  let minimal;
  const wrong = new Set();
  const seen = ({ kind, line }) => {
    if (kind !== 'seam' || found !== undefined) return;
    const own =
      causes.length === 0
        ? line.verdict === (shows === 'errors' ? 'error' : 'unstable')
        : causes.includes(line.cause);
    if (!own) {
      if (line.cause !== undefined) wrong.add(line.cause);
      return;
    }
    found = drawn;
    if (causes.length > 0) minimal = runs;
    stop.abort();
  };
  try {
    const controls = new Controls(target, plan.compare, signal);
    const subjects = new Shelf();
    await makeSubjects(target, options, signal, controls, freshState(), () => {}, subjects);
    await runTokenControls(subjects, options, controls);
    controls.freeze();
    const judge = judgeFor(target, controls, { compare: plan.compare, signal });
    const onCase = (why) => {
      runs += 1;
      if (why === 'drawn') drawn += 1;
    };
    const ledger = new Ledger(() => {}, seen);
    await fuzz(target, subjects, judge, ledger, { ...options, onCase }, () => {});
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    await connected.close();
    await server.close();
  }
  const seconds = (performance.now() - started) / 1000;
  return { seed, found, minimal, drawn, wrong: [...wrong], seconds };
}

function wordsOf({ fault, tries }) {
  const seconds = tries.reduce((sum, one) => sum + one.seconds, 0) / tries.length;
  const others = [...new Set(tries.flatMap(({ wrong }) => wrong))];
  const aside = others.length === 0 ? '' : `   before it: ${others.join(', ')}`;
  const cells = [spread(tries.map(({ found }) => found)), spread(tries.map((one) => one.minimal))];
  return `${fault.padEnd(28)}${cells.map((cell) => cell.padStart(18)).join('')}${seconds.toFixed(2).padStart(10)}${aside}`;
}

/** Median (worst); a case that never came counts as later than all others. */
function spread(counts) {
  const sorted = counts.map((one) => one ?? Infinity).toSorted((a, b) => a - b);
  return `${show(sorted[Math.floor(sorted.length / 2)])} (${show(sorted.at(-1))})`;
}

function show(count) {
  return count === Infinity ? '–' : String(count);
}
