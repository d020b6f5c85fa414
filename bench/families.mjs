// One table of template families: each chat template of models/thinker on each real engine, swept,
// and what was exact. Run from the repository's root after `npm run build`:
//
//   node bench/families.mjs run llama.cpp vllm     # sweeps; one folder a cell, taken up where it stopped
//   node bench/families.mjs table                  # prints the table from the records
//
// A second argument list names templates: node bench/families.mjs run vllm --only mistral,gemma
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { parse, stringify } from 'yaml';

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..');
const EXAMPLES = join(ROOT, 'reports/examples/template-families');
const FAMILIES = [
  ['chatml-think', 'ChatML, Qwen3-like'],
  ['deepseek', 'DeepSeek-R1'],
  ['harmony', 'gpt-oss'],
  ['llama3', 'Llama-3'],
  ['mistral', 'Mistral'],
  ['gemma', 'Gemma'],
];
const STRATEGIES = ['reasoning-field', 'reasoning-field+flags'];
/** vLLM on a CPU takes minutes where llama.cpp takes seconds: a few cuts of some scenarios there. */
const CUTS = { 'llama.cpp': 'all', vllm: '8' };
const FEW = ['add', 'go', 'poem', 'json', 'chinese', 'thinking'];
const PHASES = ['opening', 'reasoning', 'closing', 'content', 'tool-call'];

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { only: { type: 'string' } },
});
const [command, ...engines] = positionals;
if (command === 'run') run(engines.length === 0 ? Object.keys(CUTS) : engines);
else if (command === 'table') process.stdout.write(table());
else {
  process.stderr.write('usage: node bench/families.mjs run [engine…] | table\n');
  process.exitCode = 2;
}

function run(names) {
  const folder = mkdtempSync(join(tmpdir(), 'families-'));
  try {
    const pack = join(folder, 'families.yaml');
    const thinker = readFileSync(join(ROOT, 'scenarios/thinker.yaml'), 'utf8');
    const only = values.only?.split(',');
    for (const engine of names) {
      writeFileSync(pack, withoutTools(thinker, engine === 'vllm' ? FEW : undefined));
      for (const [family] of FAMILIES.filter(([name]) => only?.includes(name) ?? true)) {
        const kept = join(EXAMPLES, `${engine}-${family}`);
        if (existsSync(join(kept, 'run.json'))) continue;
        const out = join(folder, `${engine}-${family}`);
        const args = ['run', pack, ...argumentsOf(engine, family), '--out', out, '--no-tape'];
        const main = join(ROOT, 'dist/cli/main.js');
        const { status } = spawnSync(process.execPath, [main, ...args], { stdio: 'inherit' });
        if (status !== 0 && status !== 1 && !existsSync(join(out, 'run.json')))
          throw new Error(`${engine}, ${family}: seamstress run ended with status ${status}`);
        mkdirSync(kept, { recursive: true });
        writeFileSync(join(kept, 'run.json'), readFileSync(join(out, 'run.json')));
      }
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function argumentsOf(engine, family) {
  const strategies = STRATEGIES.flatMap((name) => ['--strategy', name]);
  const template = join(ROOT, `models/thinker/templates/${family}.jinja`);
  const plan = ['--cuts', CUTS[engine] ?? '8', '--seed', '1'];
  return ['--engine', engine, '--chat-template', template, ...plan, ...strategies];
}

/** These templates, but for the first, know no tools. */
function withoutTools(text, few) {
  const pack = parse(text);
  const scenarios = pack.scenarios.filter(
    ({ id, tools = [] }) => tools.length === 0 && (few?.includes(id) ?? true),
  );
  return stringify({ ...pack, pack: 'families', scenarios }, { aliasDuplicateObjects: false });
}

function table() {
  const rows = Object.keys(CUTS).flatMap((engine) =>
    FAMILIES.flatMap(([family, title]) => {
      const file = join(EXAMPLES, `${engine}-${family}`, 'run.json');
      return existsSync(file) ? rowsOf(engine, title, JSON.parse(readFileSync(file, 'utf8'))) : [];
    }),
  );
  return [
    '| family | engine | phase | cuts | `reasoning-field` | with flags | recipe: cuts whose prompt is exact | causes |',
    '|---|---|---|--:|--:|--:|---|---|',
    ...rows,
    '',
  ].join('\n');
}

function rowsOf(engine, title, record) {
  const { version, build } = record.target.engine;
  const name = `${engine} ${build ?? version}`;
  const cells = record.totals.matrix;
  return PHASES.flatMap((phase) => {
    const [plain, flags] = STRATEGIES.map((strategy) =>
      cells.find((cell) => cell.phase === phase && cell.strategy === strategy),
    );
    if (plain === undefined && flags === undefined) return [];
    const causes = record.findings
      .filter(({ where }) => where.some((cell) => cell.phase === phase))
      .map(({ cause }) => cause);
    const shown = [
      title,
      name,
      phase,
      String(sum(plain ?? flags)),
      share(plain),
      share(flags),
      recipeOf(record, phase),
      [...new Set(causes)].join(', ') || '–',
    ];
    return [`| ${shown.join(' | ')} |`];
  });
}

function sum({ verdicts }) {
  return Object.values(verdicts).reduce((total, count) => total + count, 0);
}

function share(cell) {
  return cell === undefined ? '–' : `${Math.floor((100 * cell.verdicts.exact) / sum(cell))} %`;
}

/** What was found by the prompt check; a run without findings searches no recipe, as it stands. */
function recipeOf({ recipe, findings }, phase) {
  if (recipe === undefined) return findings.length === 0 ? '`reasoning-field`' : 'none';
  const best = recipe.byPhase.find((one) => one.phase === phase);
  if (best === undefined || best.exact === 0) return 'none';
  const text = `\`${best.recipe}\` ${best.exact}/${best.tried}`;
  return best.exact === best.tried ? text : `none; nearest ${text}`;
}
