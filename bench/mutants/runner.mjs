/**
 * The runner of tests against mutants. Each test runs once as it is, and then once with each living
 * mutant that it reached; constants of modules are computed anew for it. Where the file `active`
 * names a mutant the whole run has that one on from the start instead.
 */
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { TestRunner } from 'vitest';
import { getFn } from 'vitest/suite';

const folder = process.env.SEAMSTRESS_MUTANTS;
/** `files`: of each mutant that is tried, its file. */
const { files, seed } = JSON.parse(readFileSync(join(folder, 'plan.json'), 'utf8'));
const fileOf = new Map(files);
/** Milliseconds up to which a test is one of the quick ones. */
const QUICK = 25;
const LOG = join(folder, 'log.ndjson');
let active;
let calls = 0;
let deadline = Infinity;
let reached = new Set();

// The same examples each time, and no shrinking: that a test fails is all that counts.
fc.configureGlobal({ seed, endOnFailure: true });
globalThis.seamstressMutant = (id) => {
  if ((++calls & 255) === 0 && Date.now() > deadline) throw SLOW;
  reached.add(id);
  return id === active;
};

export default class extends TestRunner {
  #on;
  #loaded = [];
  #slowly = new Set();

  onCollectStart(file) {
    this.#on = readNumber(join(folder, 'active'));
    active = this.#on;
    reached = new Set();
    return super.onCollectStart(file);
  }

  onCollected(modules) {
    this.#slowly = new Set(readLog('slowly').map(({ slowly }) => slowly));
    this.#loaded = [...reached].filter((id) => fileOf.has(id));
    if (active === undefined) log({ loaded: this.#loaded });
    return super.onCollected?.(modules);
  }

  async runTask(test) {
    const fn = getFn(test);
    if (this.#on !== undefined) {
      active = this.#on;
      deadline = Date.now() + 20_000;
      return fn();
    }
    const start = Date.now();
    const clean = await attempt(fn, undefined, 60_000);
    if (clean !== undefined) throw clean;
    const took = Date.now() - start;
    const touched = this.#touched(test.file.name);
    const where = `${test.file.name} > ${test.name}`;
    // Tests that take long are for what survives the others.
    if (existsSync(join(folder, 'quick'))) {
      if (took > QUICK) return log({ slowly: test.id });
    } else if (!this.#slowly.has(test.id)) return;
    const limit = 2000 + 10 * took;
    log({ touched, test: where });
    if ((await attempt(fn, undefined, 60_000)) !== undefined) return log({ once: where });
    const killed = readKilled();
    const here = [];
    const slow = [];
    for (const id of touched) {
      if (killed.has(id)) continue;
      const error = await attempt(fn, id, limit);
      if (error !== undefined) here.push(id);
      if (error === SLOW) slow.push(id);
    }
    // A test that a mutant has spoilt for good proves nothing.
    if ((await attempt(fn, undefined, 60_000)) !== undefined) return log({ spoilt: where });
    log({ killed: here, slow, test: where });
  }

  /** Mutants that the last run of a test reached; of constants those of files whose code it ran, or whose test it is. */
  #touched(testFile) {
    const own = [...reached].filter((id) => fileOf.has(id));
    const ran = new Set(own.map((id) => fileOf.get(id)));
    const more = this.#loaded.filter((id) => {
      const file = fileOf.get(id);
      return ran.has(file) || testFile === `${file.slice(0, -3)}.test.ts`;
    });
    return [...new Set([...own, ...more])];
  }
}

const SLOW = new Error('too slow');

/** With the mutant that is on. What is reached by it does not count: it is the same for every test. */
function computeConstants() {
  const before = reached;
  reached = new Set();
  for (const again of globalThis.seamstressConstants ?? []) again();
  reached = before;
}

/** Runs a test with a mutant on; the error with which it fails. */
async function attempt(fn, id, limit) {
  active = id;
  deadline = Date.now() + limit;
  let timer;
  try {
    reached = new Set();
    computeConstants();
    await Promise.race([
      fn(),
      new Promise((_, fail) => {
        timer = setTimeout(() => fail(SLOW), limit);
      }),
    ]);
    return undefined;
  } catch (error) {
    return error ?? new Error('failed');
  } finally {
    clearTimeout(timer);
    active = undefined;
    deadline = Infinity;
    computeConstants();
  }
}

function log(line) {
  appendFileSync(LOG, `${JSON.stringify(line)}\n`);
}

function readKilled() {
  return new Set(readLog('killed').flatMap(({ killed }) => killed));
}

/** Lines of the log that begin with a field. */
function readLog(field) {
  return readFileSync(LOG, 'utf8')
    .split('\n')
    .filter((line) => line.startsWith(`{"${field}"`))
    .map((line) => JSON.parse(line));
}

function readNumber(path) {
  return existsSync(path) ? Number(readFileSync(path, 'utf8')) : undefined;
}
