/** Our tokenizers and cuts against a live Python `tokenizers`, from the package index. */
import { spawn } from 'node:child_process';
import { mkdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { cacheFolder } from '../../src/engines/cache.ts';
import { PIP_ENV, pipTrouble } from '../../src/engines/package-index.ts';
import { pythonOf, requirePython } from '../../src/engines/python.ts';
import { runTool } from '../../src/engines/tool.ts';
import {
  answerSchema,
  expectLikePython,
  FAMILIES,
  FIXTURES,
  THINKER,
  type PythonAnswer,
} from '../../src/tokens/python.test-help.ts';
import { SAMPLES } from '../../src/tokens/samples.ts';
import { loadTokenizer } from '../../src/tokens/tokenizer.ts';

const VERSION = '0.23.3';
const MAKE = join(FIXTURES, 'make.py');
const signal = new AbortController().signal;

/** An environment with this version of `tokenizers`, from the cache or installed into it. */
async function provisionTokenizers(): Promise<string> {
  const folder = join(cacheFolder(), 'engines', `tokenizers-${VERSION}`);
  if (await imports(folder)) return pythonOf(folder);
  const { command } = await requirePython(signal);
  const staging = `${folder}.${process.pid}`;
  await mkdir(join(cacheFolder(), 'engines'), { recursive: true });
  try {
    const [program, ...args] = command;
    const made = await runTool(program, [...args, '-m', 'venv', staging], { signal });
    if (made.code !== 0) throw new Error(`python -m venv failed: ${made.stderr}`);
    const pip = ['-m', 'pip', 'install', '--only-binary', ':all:', `tokenizers==${VERSION}`];
    const put = await runTool(pythonOf(staging), pip, { signal, env: PIP_ENV });
    if (put.code !== 0)
      throw new Error(`tokenizers ${VERSION} cannot be installed: ${pipTrouble(put.stderr)}`);
    // Another process may have been first; its folder is as good.
    await rename(staging, folder).catch(() => {});
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
  if (!(await imports(folder))) throw new Error(`tokenizers ${VERSION} cannot be imported`);
  return pythonOf(folder);
}

async function imports(folder: string): Promise<boolean> {
  const check = `import tokenizers; assert tokenizers.__version__ == "${VERSION}"`;
  return (await runTool(pythonOf(folder), ['-c', check], { signal })).code === 0;
}

let python = '';
beforeAll(async () => {
  python = await provisionTokenizers();
});

/** Asks Python what it makes of some texts, each in parts that are encoded apart. */
async function ask(
  questions: readonly { readonly file: string; readonly questions: readonly string[][] }[],
): Promise<PythonAnswer[][]> {
  const child = spawn(python, [MAKE, '--answer'], { stdio: ['pipe', 'pipe', 'pipe'] });
  let [stdout, stderr] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  child.stdin.end(JSON.stringify(questions));
  const status = await ended;
  expect([status, stderr]).toEqual([0, '']);
  return z.array(z.array(answerSchema)).parse(JSON.parse(stdout));
}

/** Texts in three parts at places that move with the seed: ids that a model could write but no encoder. */
function inParts(text: string, seed: number): string[] {
  const characters = Array.from(text);
  const first = 1 + ((seed * 7919) % Math.max(1, characters.length - 2));
  const second = first + 1 + ((seed * 104_729) % Math.max(1, characters.length - first - 1));
  return [
    characters.slice(0, first).join(''),
    characters.slice(first, second).join(''),
    characters.slice(second).join(''),
  ];
}

describe.each([...FAMILIES, 'thinker'])('%s', (name) => {
  const file =
    name === 'thinker' ? join(THINKER, 'tokenizer.json') : join(FIXTURES, `${name}.json`);

  test('the built-in texts, whole and in parts: the same cuts, texts and ids', async () => {
    const questions = SAMPLES.flatMap(({ text }, index) => [[text], inParts(text, index + 1)]);
    const [answers = []] = await ask([{ file, questions }]);
    expect(answers).toHaveLength(questions.length);
    const tokenizer = await loadTokenizer(file);
    for (const answer of answers) expectLikePython(tokenizer, answer);
    expect(answers.flatMap(({ failing }) => failing).length).toBeGreaterThan(100);
  });
});

test('what the fixtures say is what Python says', async () => {
  const expected = z
    .record(z.string(), z.array(answerSchema))
    .parse(JSON.parse(await readFile(join(FIXTURES, 'expected.json'), 'utf8')));
  expect(Object.keys(expected)).toEqual([...FAMILIES]);
  const answers = await ask(
    FAMILIES.map((name) => ({
      file: join(FIXTURES, `${name}.json`),
      questions: (expected[name] ?? []).map(({ parts }) => parts),
    })),
  );
  expect(Object.fromEntries(FAMILIES.map((name, i) => [name, answers[i]]))).toEqual(expected);
});
