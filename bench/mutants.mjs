/**
 * The mutation score of the harness's own tests: small faults are put into its source, one at a
 * time, and the tests have to notice each. Nothing is changed in place: a copy of the tree is made.
 *
 *   node bench/mutants.mjs [FILE|FOLDER…] [--tests FOLDER,…] [--wide FOLDER,…] [--sample N] [--seed N]
 *                          [--cold N] [--workers N] [--json FILE]
 *
 * Without names it takes src/checks, src/diagnosis and src/seam/classes.ts. `--tests` are the tests
 * that are tried first, by default those of the rooms that are mutated; `--wide` are tried on what
 * survives them. `--cold` is how many of the survivors that a module computes when it is loaded are
 * tried again in a run of their own, by default none. Exit status 0 whatever survives.
 */
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import { rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { createVitest } from 'vitest/node';
import { instrument, mutantsOf } from './mutants/syntax.mjs';

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..');
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    tests: { type: 'string' },
    wide: { type: 'string', default: 'src/campaign,src/audit,src/client,src/reports,src/seam' },
    sample: { type: 'string' },
    cold: { type: 'string', default: '0' },
    seed: { type: 'string', default: '1' },
    workers: { type: 'string', default: '2' },
    json: { type: 'string' },
  },
});
const names =
  positionals.length > 0 ? positionals : ['src/checks', 'src/diagnosis', 'src/seam/classes.ts'];
const seed = Number(values.seed);
const folder = mkdtempSync(join(tmpdir(), 'mutants-'));
const copy = join(folder, 'tree');
try {
  for (const name of ['src', 'scenarios', 'models', 'test', 'package.json'])
    cpSync(join(ROOT, name), join(copy, name), { recursive: true });
  symlinkSync(join(ROOT, 'node_modules'), join(copy, 'node_modules'), 'dir');
  mkdirSync(join(copy, 'bench/mutants'), { recursive: true });
  cpSync(join(ROOT, 'bench/mutants'), join(copy, 'bench/mutants'), { recursive: true });

  const files = names.flatMap((name) => sourcesIn(name));
  const mutants = files
    .flatMap((file) => mutantsOf(file, readFileSync(join(copy, file), 'utf8')))
    .map((one, id) => ({ ...one, id }));
  for (const file of files) {
    const path = join(copy, file);
    const source = readFileSync(path, 'utf8');
    writeFileSync(
      path,
      instrument(
        source,
        mutants.filter((one) => one.file === file),
      ),
    );
  }
  const tried = sampled(mutants, values.sample).map(({ id }) => id);
  process.env.SEAMSTRESS_MUTANTS = folder;
  const plan = { files: tried.map((id) => [id, mutants[id].file]), seed };
  writeFileSync(join(folder, 'plan.json'), JSON.stringify(plan));
  writeFileSync(join(folder, 'log.ndjson'), '');

  const rooms = [...new Set(files.map((file) => dirname(file)))];
  const first = values.tests?.split(',') ?? rooms;
  await hot(first, tried.length);
  const narrow = killedSoFar();
  await hot(
    values.wide.split(',').filter((room) => room !== '' && !first.includes(room)),
    tried.length - narrow.size,
  );
  const state = readLog();
  const loaded = new Set(state.flatMap((line) => line.loaded ?? []));
  const killed = killedSoFar();
  const left = tried.filter((id) => loaded.has(id) && !killed.has(id));
  const cold = sampled(left, values.cold);
  const late = new Set(await coldKills(first, cold));
  const slow = new Set(state.flatMap((line) => line.slow ?? []));
  const touched = new Set(state.flatMap((line) => line.touched ?? []));
  const stateOf = (id) => {
    if (narrow.has(id) || late.has(id)) return 'killed';
    if (killed.has(id)) return 'killed elsewhere';
    return touched.has(id) || loaded.has(id) ? 'survived' : 'not reached';
  };
  report(
    tried.map((id) => ({ ...mutants[id], state: stateOf(id), slow: slow.has(id) })),
    state.flatMap((line) => line.once ?? line.spoilt ?? []),
  );
} finally {
  rmSync(folder, { recursive: true, force: true });
}
process.exit(0);

/** Sources under a path of the tree, tests left out. */
function sourcesIn(name) {
  const path = relative(ROOT, join(process.cwd(), name));
  if (!statSync(join(ROOT, path)).isDirectory()) return [path];
  return readdirSync(join(ROOT, path))
    .filter((file) => file.endsWith('.ts') && !/\.test(?:-help)?\.ts$/.test(file))
    .map((file) => join(path, file));
}

/** So many of a list, drawn by the seed, in the order of the list; all without a number. */
function sampled(list, number) {
  if (number === undefined || Number(number) >= list.length) return list;
  let state = seed >>> 0;
  const keys = list.map((one, i) => {
    state = (Math.imul(state ^ (i + 1), 0x9e3779b1) ^ (state >>> 13)) >>> 0;
    return { one, i, key: state };
  });
  const drawn = keys.toSorted((a, b) => a.key - b.key).slice(0, Number(number));
  return drawn.toSorted((a, b) => a.i - b.i).map(({ one }) => one);
}

function vitest(more) {
  return createVitest(
    'test',
    {
      root: copy,
      config: false,
      include: ['src/**/*.test.ts'],
      exclude: ['**/node_modules/**'],
      runner: join(copy, 'bench/mutants/runner.mjs'),
      reporters: [{}],
      watch: false,
      cache: false,
      testTimeout: 1_800_000,
      dangerouslyIgnoreUnhandledErrors: true,
      ...more,
    },
    { cacheDir: join(folder, 'cache') },
  );
}

/** Runs tests against what is alive: first the quick ones, then the others. */
async function hot(tests, living) {
  if (tests.length === 0 || living === 0) return;
  writeFileSync(join(folder, 'quick'), '');
  await pass(tests);
  rmSync(join(folder, 'quick'));
  await pass(tests);
}

async function pass(tests) {
  rmSync(join(folder, 'active'), { force: true });
  const runner = await vitest({ maxWorkers: Number(values.workers) });
  const { testModules } = await runner.start(tests.map(filterOf));
  for (const one of testModules)
    if (one.state() === 'failed')
      process.stderr.write(`${one.relativeModuleId}: ${troubleOf(one)}\n`);
  await runner.close();
}

/** A folder is not to match another one whose name begins alike. */
function filterOf(name) {
  return name.endsWith('.ts') ? name : `${name}/`;
}

/** Why a test file fails without a mutant. */
function troubleOf(module) {
  const failed = [...module.children.allTests('failed')].map(
    (test) => `${test.name}: ${test.result().errors?.[0]?.message}`,
  );
  return [...module.errors().map(({ message }) => message), ...failed].join('; ').slice(0, 400);
}

/** Those of the mutants with which a whole run fails. */
async function coldKills(tests, list) {
  if (list.length === 0) return [];
  const runner = await vitest({ maxWorkers: 1, isolate: false, bail: 1 });
  const specs = await runner.globTestSpecifications(tests.map(filterOf));
  const kills = [];
  for (const [i, id] of list.entries()) {
    process.stderr.write(`\rcold ${i + 1} of ${list.length}`);
    writeFileSync(join(folder, 'active'), String(id));
    const { testModules, unhandledErrors } = await runner.runTestSpecifications(specs);
    if (unhandledErrors.length > 0 || testModules.some((one) => one.state() === 'failed'))
      kills.push(id);
  }
  process.stderr.write('\n');
  await runner.close();
  return kills;
}

function readLog() {
  const text = readFileSync(join(folder, 'log.ndjson'), 'utf8').trim();
  return text === '' ? [] : text.split('\n').map((line) => JSON.parse(line));
}

function killedSoFar() {
  return new Set(readLog().flatMap((line) => line.killed ?? []));
}

function report(results, doubtful) {
  const by = Map.groupBy?.(results, ({ file }) => file) ?? grouped(results);
  console.log(`${'file'.padEnd(34)}   mutants    killed elsewhere  survived unreached`);
  for (const [file, list] of by) console.log(row(file, list));
  console.log(row('all', results));
  const slow = results.filter((one) => one.slow).length;
  if (slow > 0) console.log(`${slow} of the killed ones ran out of time`);
  for (const { file, line, from, to, state } of results)
    if (!state.startsWith('killed')) console.log(`${state}: ${file}:${line}  ${from}  →  ${to}`);
  for (const test of new Set(doubtful)) console.log(`not used, it can't run twice: ${test}`);
  if (values.json !== undefined) {
    mkdirSync(dirname(values.json), { recursive: true });
    writeFileSync(values.json, `${JSON.stringify({ seed, results }, undefined, 2)}\n`);
  }
}

function row(name, list) {
  return `${name.padEnd(34)}${[
    list.length,
    count(list, 'killed'),
    count(list, 'killed elsewhere'),
    count(list, 'survived'),
    count(list, 'not reached'),
  ]
    .map((n) => String(n).padStart(10))
    .join('')}`;
}

function count(list, ...states) {
  return list.filter(({ state }) => states.includes(state)).length;
}

function grouped(results) {
  const by = new Map();
  for (const one of results) by.set(one.file, [...(by.get(one.file) ?? []), one]);
  return by;
}
