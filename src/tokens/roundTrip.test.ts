import { join } from 'node:path';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FIXTURES, THINKER } from './python.test-help.ts';
import { roundTrip } from './roundTrip.ts';
import { decodeWhole } from './text.ts';
import { loadTokenizer } from './tokenizer.ts';
import type { LocalTokenizer } from './tokenizer.ts';

const TOKENIZERS: Readonly<Record<string, LocalTokenizer>> = {
  thinker: await loadTokenizer(THINKER),
  gpt2: await loadTokenizer(join(FIXTURES, 'gpt2.json')),
  llama3: await loadTokenizer(join(FIXTURES, 'llama3.json')),
  qwen: await loadTokenizer(join(FIXTURES, 'qwen.json')),
  llama2: await loadTokenizer(join(FIXTURES, 'llama2.json')),
  unigram: await loadTokenizer(join(FIXTURES, 'unigram.json')),
};

/** The definition, prefix by prefix, each encoded whole. */
function failingByDefinition(
  tokenizer: LocalTokenizer,
  ids: readonly number[],
  header: readonly number[],
): number[] {
  const start = header.length === 0 ? [] : tokenizer.encode(tokenizer.decode(header));
  const failed = [];
  for (let k = 0; k <= ids.length; k++) {
    const kept = [...start, ...ids.slice(0, k)];
    const whole = decodeWhole(Buffer.concat(kept.map((id) => tokenizer.bytes(id))));
    const same =
      whole.held === 0 &&
      JSON.stringify(tokenizer.encode(tokenizer.decode(kept))) === JSON.stringify(kept);
    if (!same) failed.push(k);
  }
  return failed;
}

/** The same question to the code under test. */
function failing(
  tokenizer: LocalTokenizer,
  ids: readonly number[],
  header: readonly number[],
): number[] {
  const all = roundTrip(tokenizer, ids, { header });
  const each = Array.from({ length: ids.length + 1 }, (_, k) => k).filter(
    (k) => roundTrip(tokenizer, ids, { header, cuts: [k] }).notIdempotent > 0,
  );
  expect(all.notIdempotent).toBe(each.length);
  expect(all.cutInduced + all.nonCanonical).toBe(all.notIdempotent);
  expect(Object.values(all.byClass).reduce((a, b) => a + b, 0)).toBe(all.notIdempotent);
  return each;
}

const RUNS = Number(process.env['SEAMSTRESS_PROPERTY_RUNS'] ?? 100);

const TEXTS = [
  'The sum of 478 and 256 is **734**.\n\n    478\n  + 256\n  ------\n    734\n',
  '```go\nfunc f(xs []int) int {\n\tn := 0\n\n\n\t\tif x > 0 {\n\t\t\tn += x\n\t\t}\n}\n```  ',
  'Lena，你好！去京都（Kyoto）住5天，\n\n一、第1天：看一看老城；\u3000二、坐火车。🎉 안녕하세요 こんにちは',
  "They'll've gone,   hasn't  she?\n \n  \n x\t\ty \u00A0z \r\n\r\n'Tis",
  '👩🏽‍💻🏳️‍🌈🇯🇵 e\u0301te\u0301 a\u0323\u0301 \uFEFFb\u0085c\u200Dd <think>\n</think>\n\n<|im_end|>x <s> </s>y<unk>',
  'seamstress seamstresses\n\n\nseamstress\n\n\n\nseam  seamstress',
];

const unit = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.constantFrom(
      ' ',
      ' ',
      '  ',
      '\n',
      '\n\n',
      '\t',
      '\r\n',
      '\u00A0',
      '\u3000',
      '\u0085',
      '\uFEFF',
    ),
  },
  {
    weight: 4,
    arbitrary: fc.constantFrom(
      '.',
      ',',
      '!',
      '"',
      "'",
      "'s",
      "'ll",
      '**',
      '|',
      '#',
      '(',
      '<',
      '>',
      '▁',
      '，',
      '。',
      '—',
    ),
  },
  {
    weight: 6,
    arbitrary: fc.constantFrom(
      'a',
      'the',
      'Z',
      'é',
      'ß',
      'seamstress',
      ' seam',
      'is',
      'T',
      'ſ',
      'ñ',
    ),
  },
  { weight: 3, arbitrary: fc.constantFrom('0', '7', '42', '٣', '½') },
  { weight: 3, arbitrary: fc.constantFrom('你', '好吗', 'か', 'が', '한', 'ไท') },
  {
    weight: 3,
    arbitrary: fc.constantFrom('👩🏽‍💻', '🇯🇵', '❤️', '\u200D', '\u0301', '\u0323', '\u0308', '\u1161'),
  },
  {
    weight: 2,
    arbitrary: fc.constantFrom(
      '<think>',
      '</think>',
      '<|im_end|>',
      '<|im_',
      '<s>',
      '</s>',
      '<unk>',
      '<0x0A>',
    ),
  },
);
const adversarial = fc.array(unit, { maxLength: 30 }).map((units) => units.join(''));

describe.each(Object.keys(TOKENIZERS))(
  '%s: the same cuts fail as when every prefix is encoded whole',
  (name) => {
    const tokenizer = TOKENIZERS[name] as LocalTokenizer;
    const header = tokenizer.encode('user\nHi\nassistant\n');

    test('the tokenizer has boundaries', () => {
      expect(tokenizer.boundaries).toBeDefined();
    });

    test.each(TEXTS)('%j', (text) => {
      const ids = tokenizer.encode(text);
      expect(failing(tokenizer, ids, [])).toEqual(failingByDefinition(tokenizer, ids, []));
      expect(failing(tokenizer, ids, header)).toEqual(failingByDefinition(tokenizer, ids, header));
    });

    test('random texts', () => {
      fc.assert(
        fc.property(adversarial, fc.boolean(), (text, withHeader) => {
          const ids = tokenizer.encode(text);
          const before = withHeader ? header : [];
          expect(failing(tokenizer, ids, before)).toEqual(
            failingByDefinition(tokenizer, ids, before),
          );
        }),
        { numRuns: RUNS },
      );
    });

    test('random texts taken for plain text, in parts that were encoded alone', () => {
      fc.assert(
        fc.property(fc.array(adversarial, { maxLength: 4 }), (parts) => {
          const ids = parts.flatMap((part) => tokenizer.encodePlain(part));
          expect(failing(tokenizer, ids, [])).toEqual(failingByDefinition(tokenizer, ids, []));
        }),
        { numRuns: RUNS },
      );
    });

    test('random ids', () => {
      fc.assert(
        fc.property(fc.array(fc.nat(tokenizer.vocabularySize + 2), { maxLength: 25 }), (ids) => {
          expect(failing(tokenizer, ids, [])).toEqual(failingByDefinition(tokenizer, ids, []));
        }),
        { numRuns: RUNS },
      );
    });

    test('the text is encoded about as often as it has tokens in a word', () => {
      const page = `${TEXTS.slice(0, 2).join('\n\n')} Lena，你好！去京都（Kyoto）住5天，\n\n 🎉 and on.\n`;
      const text = page.repeat(60);
      let encoded = 0;
      const counting: LocalTokenizer = {
        ...tokenizer,
        encode(part) {
          encoded += part.length;
          return tokenizer.encode(part);
        },
      };
      const ids = tokenizer.encode(text);
      const report = roundTrip(counting, ids);
      expect(report).toMatchObject({ cuts: ids.length + 1, untested: 0, nonCanonical: 0 });
      expect(encoded).toBeLessThan(25 * text.length);
    });
  },
);

const classes = (name: string, ids: readonly number[], header?: readonly number[]): unknown => {
  const tokenizer = TOKENIZERS[name] as LocalTokenizer;
  const report = roundTrip(tokenizer, ids, header === undefined ? {} : { header });
  const { byClass, cutInduced, nonCanonical } = report;
  return { ...byClass, cutInduced, nonCanonical };
};
const encode = (name: string, text: string): number[] =>
  (TOKENIZERS[name] as LocalTokenizer).encode(text);
const plain = (name: string, ...parts: string[]): number[] =>
  parts.flatMap((part) => (TOKENIZERS[name] as LocalTokenizer).encodePlain(part));

describe('classes', () => {
  test('a text that always comes back', () => {
    expect(classes('thinker', encode('thinker', 'Add 478 and 256.'))).toEqual({
      cutInduced: 0,
      nonCanonical: 0,
    });
  });
  test('mid-utf8: inside a character, and bytes that are no text', () => {
    expect(classes('gpt2', encode('gpt2', '🧵'))).toMatchObject({ 'mid-utf8': 2, cutInduced: 2 });
    const [first = 0] = encode('gpt2', '🧵');
    expect(classes('gpt2', [first, ...encode('gpt2', 'ab')])).toMatchObject({
      cutInduced: 0,
      nonCanonical: 3,
    });
  });
  test('space-run and newline-run: the look-ahead sees the end', () => {
    expect(classes('llama3', encode('llama3', 'x   7'))).toMatchObject({
      'space-run': 1,
      cutInduced: 1,
    });
    expect(classes('gpt2', encode('gpt2', 'x\n\ny'))).toMatchObject({
      'newline-run': 1,
      cutInduced: 1,
    });
  });
  test('ignore-merges: the end happens to be a whole token', () => {
    const ids = encode('llama3', 'seamstresses');
    expect(classes('llama3', ids)).toMatchObject({ 'ignore-merges': 1, cutInduced: 1 });
  });
  test('special-literal: a spelt control token', () => {
    const ids = plain('thinker', 'a<|im_end|>b');
    expect(classes('thinker', ids)).toMatchObject({ 'special-literal': expect.any(Number) });
    expect(roundTrip(TOKENIZERS['thinker'] as LocalTokenizer, ids).nonCanonical).toBeGreaterThan(0);
  });
  test('normalizer: a combining mark after its letter', () => {
    const ids = plain('thinker', 'e', '\u0301x y');
    expect(classes('thinker', ids)).toMatchObject({ normalizer: 4, nonCanonical: 4 });
  });
  test('dummy-prefix: nothing but the space that encoding adds', () => {
    expect(classes('llama2', encode('llama2', '❤'))).toMatchObject({ 'dummy-prefix': 1 });
  });
  test('non-canonical: tokens that no encoding gives', () => {
    const ids = plain('thinker', 'The s', 'um of 4 and 5');
    expect(classes('thinker', ids)).toMatchObject({
      'non-canonical': ids.length - plain('thinker', 'The s').length,
      cutInduced: 0,
    });
  });
  test('after a header: a newline that melts into it', () => {
    const header = encode('thinker', '<|im_start|>assistant\n');
    const ids = plain('thinker', '\nSo 5');
    expect(roundTrip(TOKENIZERS['thinker'] as LocalTokenizer, ids, { header })).toMatchObject({
      notIdempotent: ids.length,
      notIdempotentAlone: 0,
      byClass: { 'newline-run': ids.length },
      headerCanonical: true,
    });
  });
});

describe('the report', () => {
  const tokenizer = TOKENIZERS['llama3'] as LocalTokenizer;
  const ids = tokenizer.encode('x   7  y   8    z   9   ');

  test('counts the cuts that were asked for', () => {
    const report = roundTrip(tokenizer, ids, { cuts: [0, 3, 99] });
    expect(report.cuts).toBe(2);
    expect(report.notIdempotent).toBe(1);
  });
  test('has at most three examples of a class', () => {
    const report = roundTrip(tokenizer, ids);
    expect(report.endsInWhitespace).toBe(11);
    expect(report.byClass['space-run']).toBeGreaterThan(3);
    expect(report.examples).toHaveLength(3);
    expect(report.examples[0]).toEqual({
      class: 'space-run',
      k: 3,
      tail: 'x␠␠␠',
      expected: [87, 256, 220],
      actual: [87, 279],
    });
  });
  test('says what it left out', () => {
    const { boundaries: _, ...whole } = tokenizer;
    const report = roundTrip(whole, ids, { budget: 20 });
    expect(report.untested).toBeGreaterThan(0);
    expect(report.cuts + report.untested).toBe(ids.length + 1);
  });
  test('an empty generation', () => {
    expect(roundTrip(tokenizer, [])).toEqual({
      cuts: 1,
      untested: 0,
      endsInWhitespace: 0,
      notIdempotent: 0,
      notIdempotentAlone: 0,
      byClass: {},
      cutInduced: 0,
      nonCanonical: 0,
      headerCanonical: true,
      examples: [],
    });
  });
});
