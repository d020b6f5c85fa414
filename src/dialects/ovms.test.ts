/** OpenVINO Model Server: its prompts rendered here, and texts that go on past the chat. */
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { BUNDLED_TOKENIZER } from '../engines/bundle.ts';
import { personaNamed } from '../reference/personas/catalogue.ts';
import { startReference } from '../reference/server.ts';
import { viewOf } from '../seam/view.ts';
import type { ChatRequest, ConnectOptions, Target } from './dialect.ts';
import { ovms } from './ovms.ts';

const { signal } = new AbortController();
const FILES = { tokenizer: BUNDLED_TOKENIZER };
const sampling = { maxTokens: 300, top: 0, cache: 'cold' } as const;
const ASK: ChatRequest = {
  messages: [{ role: 'user', content: 'List three fruits.' }],
  tools: [],
  thinking: undefined,
};

async function opened(files?: ConnectOptions['files'], model?: string): Promise<Target> {
  const server = await startReference({ persona: await personaNamed('ovms') });
  onTestFinished(() => server.close());
  const target = await ovms.connect(
    {
      url: server.url,
      ...(files === undefined ? {} : { files }),
      ...(model === undefined ? {} : { model }),
    },
    signal,
  );
  onTestFinished(() => target.close());
  return target;
}

/** A folder with the bundled tokenizer and this template, or another one in its configuration. */
async function folderWith(template: string, where: 'file' | 'config'): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'seamstress-ovms-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  await cp(BUNDLED_TOKENIZER, join(folder, 'tokenizer.json'));
  if (where === 'file') await writeFile(join(folder, 'chat_template.jinja'), template);
  else
    await writeFile(
      join(folder, 'tokenizer_config.json'),
      JSON.stringify({ chat_template: template }),
    );
  return folder;
}

describe('with the files of the model', () => {
  test('the prompt is rendered here, and what it becomes is seen to be closed', async () => {
    const target = await opened(FILES);
    expect(target.identity.strength).toMatchObject({ ids: 'local', oracle: 'prompt-text' });
    const base = await target.render(ASK, signal);
    expect(base).toMatchObject({ source: 'local', ids: [] });
    expect(base.text).toMatch(/<\|im_start\|>assistant\n$/);
    const resume = { ...ASK, prefill: { content: 'Apples' }, flags: true };
    expect((await target.render(resume, signal)).text).toMatch(/Apples<\|im_end\|>\n$/);
  });

  test('a text is gone on with as it stands, tags included', async () => {
    const target = await opened(FILES);
    const prompt = (await target.render(ASK, signal)).text ?? '';
    const said = await target.chat(ASK, sampling, { signal });
    const { reasoning, content } = viewOf(said.deltas);
    const raw = viewOf((await target.chat({ ...ASK, raw: prompt }, sampling, { signal })).deltas);
    expect(raw.content).toContain('</think>');
    expect(raw.content).toContain(reasoning);
    expect(raw.content.endsWith(content)).toBe(true);
    const half = raw.content.slice(0, raw.content.length - 12);
    const rest = await target.chat({ ...ASK, raw: prompt + half }, sampling, { signal });
    expect(viewOf(rest.deltas).content).toBe(raw.content.slice(half.length));
    expect(rest.request.url).toMatch(/\/v3\/completions$/);
  });

  test('with tools nothing is known of the prompt', async () => {
    const target = await opened(FILES);
    const tools = [{ name: 'f', description: 'does f', parameters: {} }];
    expect((await target.render({ ...ASK, tools }, signal)).text).toBeUndefined();
  });

  test.each(['file', 'config'] as const)(
    'a template (%s) that the server does not use is not believed',
    async (where) => {
      const other = '{% for m in messages %}{{ m.content }}{% endfor %}';
      const target = await opened({ tokenizer: await folderWith(other, where) });
      expect(target.identity.strength?.oracle).toBe('prompt-count');
      await expect(target.render(ASK, signal)).rejects.toMatchObject({ code: 'target' });
    },
  );

  test('nor is one that cannot be read', async () => {
    const target = await opened({ tokenizer: await folderWith('{% if %}', 'file') });
    expect(target.identity.strength?.oracle).toBe('prompt-count');
  });
});

test('without them the tokens of a prompt are counted, and no text can be sent', async () => {
  const target = await opened();
  expect(target.identity.strength).toMatchObject({ ids: 'none', oracle: 'prompt-count' });
  await expect(target.chat({ ...ASK, raw: 'x' }, sampling, { signal })).rejects.toMatchObject({
    code: 'target',
  });
});

test('a model that is named is not looked for', async () => {
  expect((await opened(undefined, 'thinker')).identity.model).toBe('thinker');
});

test('the template is found beside the file and in its folder', async () => {
  const target = await opened({ tokenizer: dirname(BUNDLED_TOKENIZER) });
  expect(target.identity.strength?.oracle).toBe('prompt-text');
});
