import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { BUNDLED_MODEL, BUNDLED_MODEL_FOLDER } from './bundle.ts';
import type { LaunchOptions } from './running.ts';
import { parsersFor, startVllm } from './vllm.ts';

const OPTIONS: LaunchOptions = { signal: new AbortController().signal, progress: () => {} };

test.each([
  ['<think>…</think>', ['--reasoning-parser', 'qwen3']],
  ['<tool_call>', ['--enable-auto-tool-choice', '--tool-call-parser', 'hermes']],
  ['[INST]', []],
  ['<｜Assistant｜><think>…</think>', ['--reasoning-parser', 'deepseek_r1']],
  ['<|channel|>analysis', []],
])('parsers for a template with %s', (template, parsers) => {
  expect(parsersFor(template)).toEqual(parsers);
});

test('a parser of ours for the markup that vLLM reads with Mistral’s tokenizer alone', async () => {
  const [, name, plugin, path] = parsersFor('[THINK]…[/THINK]');
  expect([name, plugin]).toEqual(['seamstress_think_tokens', '--reasoning-parser-plugin']);
  expect(await readFile(path ?? '', 'utf8')).toContain(`register_module("${name}")`);
});

test('the thinker’s own template has both', async () => {
  const template = await readFile(join(BUNDLED_MODEL_FOLDER, 'chat_template.jinja'), 'utf8');
  expect(parsersFor(template)).toHaveLength(5);
});

describe('refuses, before anything is installed,', () => {
  test.each([
    ['a GGUF file', { model: BUNDLED_MODEL }, /vLLM cannot load the file .*thinker\.gguf$/],
    ['a folder without a model', { model: import.meta.dirname }, /the model cannot be read/],
    ['a template that is not there', { chatTemplate: '/nowhere.jinja' }, /the chat template/],
  ])('%s', async (_, more, message) => {
    const starting = startVllm({ name: 'vllm', version: undefined }, { ...OPTIONS, ...more });
    await expect(starting).rejects.toMatchObject({
      code: 'usage',
      message: expect.stringMatching(message) as string,
    });
  });
});
