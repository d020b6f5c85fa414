/**
 * What reading a generation costs: seamstress (events, ids, phases, capture, journal) against bare
 * undici with `JSON.parse` of each event, on the same bytes, in turn, in one run.
 *
 *   node bench/undici.mjs [--dialect llama.cpp,vllm] [--rounds 7] [--only 1x10000,…] [--json FILE]
 *
 * The bytes are two recorded streams (`streams/`), made as long as wanted by repeating their middle,
 * and are sent by another process. Shapes are streams × tokens of each. Shown are medians over the
 * rounds; a ratio is taken within each round, where both arms met the same load. Exit status 1 when
 * a median ratio is over 1.5.
 */
import { fork } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Agent, request } from 'undici';
import { unjudged } from '../dist/campaign/judge.js';
import { lineOf } from '../dist/campaign/line.js';
import { llamacpp, strategiesNamed } from '../dist/index.js';
import { vllm } from '../dist/dialects/vllm.js';
import { RunStore } from '../dist/reports/store.js';
import { generate } from '../dist/seam/generate.js';
import { derive } from '../dist/seam/subject.js';

const GOAL = 1.5;
const DIALECTS = { 'llama.cpp': llamacpp, vllm };
const { values } = parseArgs({
  options: {
    dialect: { type: 'string', default: 'llama.cpp,vllm' },
    rounds: { type: 'string', default: '7' },
    only: { type: 'string', default: '1x10000,1x100000,64x1600' },
    json: { type: 'string' },
  },
});
const rounds = Number(values.rounds);
const { signal } = new AbortController();
const [strategy] = strategiesNamed(['reasoning-field']);

const folder = mkdtempSync(join(tmpdir(), 'seamstress-bench-'));
const store = new RunStore(join(folder, 'run'));
const server = fork(join(import.meta.dirname, 'undici-server.mjs'));
const rows = [];
try {
  const url = await new Promise((resolve) => server.once('message', resolve));
  for (const dialect of values.dialect.split(',')) {
    for (const shape of values.only.split(',')) {
      const row = await compare(dialect, `${url}/${dialect}`, ...shape.split('x').map(Number));
      rows.push(row);
      console.log(wordsOf(row));
    }
  }
} finally {
  server.kill();
  rmSync(folder, { recursive: true });
}
if (values.json !== undefined)
  writeFileSync(values.json, `${JSON.stringify(rows, undefined, 2)}\n`);
process.exitCode = rows.some(({ ratio }) => ratio > GOAL) ? 1 : 0;

async function compare(dialect, url, streams, tokens) {
  const scenario = {
    id: 'bench',
    title: '',
    messages: [{ role: 'user', content: 'Write.' }],
    tools: [],
    maxTokens: tokens,
    tags: [],
  };
  const target = await DIALECTS[dialect].connect(
    { url, connections: 64, files: { tokenizer: 'models/thinker/hf/tokenizer.json' } },
    signal,
  );
  const agent = new Agent({ connections: 64 });
  const first = await target.chat(
    scenario,
    { maxTokens: tokens, top: 5, cache: 'cold' },
    { signal },
  );
  const read = readable(target, first);
  const own = () => harness(read, scenario);
  const asked = first.request;
  const plain = () => bare(agent, asked);
  const samples = [];
  for (let round = -1; round < rounds; round++) {
    const order = round % 2 === 0 ? [own, plain] : [plain, own];
    const times = new Map();
    for (const arm of order) times.set(arm, await timed(arm, streams));
    // The first round only warms up.
    if (round >= 0) samples.push({ own: times.get(own), plain: times.get(plain) });
  }
  await target.close();
  await agent.close();
  const of = (pick) => median(samples.map(pick));
  return {
    dialect,
    streams,
    tokens,
    ownMs: of(({ own: one }) => one.ms),
    bareMs: of(({ plain: one }) => one.ms),
    ratio: of((one) => one.own.ms / one.plain.ms),
    cpuRatio: of((one) => one.own.cpuMs / one.plain.cpuMs),
  };
}

async function timed(arm, streams) {
  globalThis.gc?.();
  const cpu = process.cpuUsage();
  const started = performance.now();
  await Promise.all(Array.from({ length: streams }, () => arm()));
  const ms = performance.now() - started;
  const { user, system } = process.cpuUsage(cpu);
  return { ms, cpuMs: (user + system) / 1000 };
}

/** Reads the events of a stream, and nothing more. */
async function bare(agent, { url, body }) {
  const reply = await request(url, {
    dispatcher: agent,
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  const decoder = new TextDecoder();
  let open = '';
  let events = 0;
  for await (const chunk of reply.body) {
    const pieces = (open + decoder.decode(chunk, { stream: true })).split('\n\n');
    open = pieces.pop();
    for (const piece of pieces) {
      const data = piece.slice('data: '.length);
      if (data === '[DONE]') return events;
      JSON.parse(data);
      events++;
    }
  }
  throw new Error('the stream ended early');
}

/** A generation as a campaign takes it, with everything that follows from it, and a journal line. */
async function harness(target, scenario) {
  const { generation } = await generate(target, scenario, signal);
  const subject = derive(generation);
  const k = generation.length;
  const seam = unjudged({ subject, strategy, k, way: 'disconnect', resume: 'none' });
  store.seam(lineOf(seam, undefined));
}

/** The target with its second arm, the completion by ids, known beforehand: it is another stream. */
function readable(target, answer) {
  const tokens = withHidden(answer);
  const rendered = { ids: [1, 2, 3], text: '', source: 'server', requests: [] };
  const known = { tokens, finish: 'stop', usage: {}, totalMs: 0, request: answer.request };
  return {
    chat: (...asked) => target.chat(...asked),
    render: async () => rendered,
    complete: async () => known,
  };
}

/** The tokens of an answer, and at the places that the stream does not tell, what it hides. */
function withHidden({ tokens, generated, deltas }) {
  const closed = deltas.findIndex(({ content }) => content !== undefined);
  const border = deltas[closed - 1]?.after ?? 0;
  const all = Array.from({ length: generated }, (_, i) => {
    const text = i + 1 === border + 1 ? '</think>' : i + 1 === generated ? '' : '\n';
    return { id: -1 - i, bytes: Buffer.from(text) };
  });
  for (const token of tokens) all[token.place - 1] = token;
  return all;
}

function median(list) {
  const sorted = list.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

function wordsOf({ dialect, streams, tokens, ownMs, bareMs, ratio, cpuRatio }) {
  const what = `${dialect}, ${streams} × ${tokens} tokens`;
  const times = `${ownMs.toFixed(0)} ms, bare ${bareMs.toFixed(0)} ms`;
  return `${what.padEnd(30)} ${times.padEnd(26)} ratio ${ratio.toFixed(2)}, of CPU time ${cpuRatio.toFixed(2)}`;
}
