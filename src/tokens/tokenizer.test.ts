import { createHash } from 'node:crypto';
import {
  copyFile,
  mkdir,
  mkdtemp,
  readFile,
  rm,
  symlink,
  truncate,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { messageOf } from '../errors.ts';
import { answerSchema, expectLikePython, FAMILIES, FIXTURES, THINKER } from './python.test-help.ts';
import { loadTokenizer } from './tokenizer.ts';
import type { LocalTokenizer } from './tokenizer.ts';
import { decodeUtf8 } from './utf8.ts';

const expected = z
  .record(z.string(), z.array(answerSchema))
  .parse(JSON.parse(await readFile(join(FIXTURES, 'expected.json'), 'utf8')));

describe.each(FAMILIES)('%s, as the Rust library has it', (name) => {
  let tokenizer: LocalTokenizer;
  const answers = expected[name] ?? [];
  beforeAll(async () => {
    tokenizer = await loadTokenizer(join(FIXTURES, `${name}.json`));
  });

  test('there are whole texts and texts in parts, and cuts that fail', () => {
    expect(answers.filter(({ parts }) => parts.length === 1)).toHaveLength(14);
    expect(answers.filter(({ parts }) => parts.length > 1)).toHaveLength(9);
    expect(answers.some(({ failing }) => failing.length > 0)).toBe(true);
  });

  test.each(answers)('$parts', (answer) => {
    expectLikePython(tokenizer, answer);
  });
});

test('the header makes a difference to some cuts', () => {
  const counts = Object.values(expected).flatMap((answers) =>
    answers.filter(({ failing, failingAfterHeader: after }) => failing.length !== after.length),
  );
  expect(counts.length).toBeGreaterThan(0);
});

describe('loadTokenizer', () => {
  let thinker: LocalTokenizer;
  let folder = '';
  beforeAll(async () => {
    thinker = await loadTokenizer(THINKER);
    folder = await mkdtemp(join(tmpdir(), 'seamstress-tokenizer-'));
  });
  afterAll(async () => {
    await rm(folder, { recursive: true });
  });

  test('control tokens are recognised, or taken for text', () => {
    const ids = thinker.encode('<|im_start|>user\nHi<|im_end|>');
    expect(ids.at(-1)).toBe(1502);
    expect(thinker.isSpecial(1502)).toBe(true);
    expect(thinker.encode('<think>')).toEqual([1522]);
    expect([thinker.isSpecial(1522), thinker.isAdded(1522)]).toEqual([false, true]);
    const plain = thinker.encodePlain('<think><|im_end|>');
    expect(plain.some((id) => thinker.isAdded(id))).toBe(false);
    expect(thinker.decode(plain)).toBe('<think><|im_end|>');
  });

  test('no BOS is added, though the post-processor has one', async () => {
    const llama3 = await loadTokenizer(join(FIXTURES, 'llama3.json'));
    const begin = llama3.encode('<|begin_of_text|>');
    expect(begin).toHaveLength(1);
    expect(llama3.encode('Hello')).not.toContain(begin[0]);
  });

  test('every id has bytes, whose sum is the text', () => {
    const text = '数 👩🏽‍💻\n\te\u0301';
    const ids = thinker.encode(text);
    expect(decodeUtf8(Buffer.concat(ids.map((id) => thinker.bytes(id))))).toBe(
      text.normalize('NFC'),
    );
    expect(thinker.vocabularySize).toBe(1527);
    for (let id = 0; id < thinker.vocabularySize; id++)
      expect(thinker.bytes(id).length > 0).toBe(!thinker.isUnknown(id));
    expect(thinker.bytes(99_999)).toHaveLength(0);
  });

  test('empty and broken sequences decode', () => {
    expect(thinker.decode([])).toBe('');
    const [first = 0] = thinker.encodePlain('🧵');
    expect(thinker.decode([first])).toMatch(/^\uFFFD+$/);
  });

  test('the folder and the file are the same tokenizer', async () => {
    const file = join(THINKER, 'tokenizer.json');
    expect((await loadTokenizer(file)).sha256).toBe(thinker.sha256);
    expect(thinker.sha256).toBe(
      createHash('sha256')
        .update(await readFile(file))
        .digest('hex'),
    );
  });

  const failure = async (content: string): Promise<string> => {
    const file = join(folder, 'tokenizer.json');
    await writeFile(file, content);
    return loadTokenizer(file).then(
      () => 'loaded',
      (error: unknown) => messageOf(error).replace(folder, ''),
    );
  };

  test.each([
    ['{', /^\/tokenizer\.json: not JSON: /],
    ['[]', /^\/tokenizer\.json: not a JSON object$/],
    ['{}', /^\/tokenizer\.json: not a usable tokenizer: the field "model" is missing$/],
    [
      '{"model": {"type": "WordPiece", "vocab": {}}, "decoder": {"type": "WordPiece"}}',
      /^\/tokenizer\.json: not a usable tokenizer: can't tell the bytes of a WordPiece model's tokens$/,
    ],
    ['{"model": {"type": "BPE"}, "decoder": {"type": "ByteLevel"}}', /not a usable tokenizer: /],
  ])('a broken file: %s', async (content, message) => {
    expect(await failure(content)).toMatch(message);
  });

  test('what is no file, or too large, is not read', async () => {
    const large = join(folder, 'large');
    await writeFile(large, '');
    await truncate(large, 129 * 1024 * 1024);
    await expect(loadTokenizer(large)).rejects.toThrow(
      /too large: 129 MiB, and a tokenizer is 128/,
    );
    await expect(loadTokenizer('/dev/zero')).rejects.toThrow(/not a regular file/);
    const beside = join(folder, 'beside');
    await mkdir(beside);
    await copyFile(join(THINKER, 'tokenizer.json'), join(beside, 'tokenizer.json'));
    expect((await loadTokenizer(beside)).sha256).toBe(thinker.sha256);
    await symlink('/dev/zero', join(beside, 'tokenizer_config.json'));
    await expect(loadTokenizer(beside)).rejects.toThrow(/tokenizer_config.json: it is not a reg/);
    expect(await failure('['.repeat(20_000_000))).toMatch(/not JSON: it is too deeply nested/);
  });

  test('a missing file', async () => {
    await expect(loadTokenizer(join(folder, 'none', 'tokenizer.json'))).rejects.toMatchObject({
      code: 'config',
      hint: 'Give a tokenizer.json or the folder that holds it.',
    });
  });
});
