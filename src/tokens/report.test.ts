import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { replyHeader } from './header.ts';
import { FAMILIES, FIXTURES, THINKER } from './python.test-help.ts';
import { generationOf, roundTripTable, roundTripTableAsync } from './report.ts';
import { roundTripTableSchema } from './reportSchema.ts';
import type { Judgement, RoundTripTable } from './reportSchema.ts';
import { roundTrip } from './roundTrip.ts';
import { SAMPLES } from './samples.ts';
import { loadTokenizer } from './tokenizer.ts';
import type { LocalTokenizer } from './tokenizer.ts';

const TOKENIZERS: Readonly<Record<string, LocalTokenizer>> = {
  thinker: await loadTokenizer(THINKER),
  ...Object.fromEntries(
    await Promise.all(
      FAMILIES.map(async (name) => [name, await loadTokenizer(join(FIXTURES, `${name}.json`))]),
    ),
  ),
};
const named = (name: string): LocalTokenizer => TOKENIZERS[name] as LocalTokenizer;

/** Checks what must hold for every table, and every example by the tokenizer alone. */
function expectSound(tokenizer: LocalTokenizer, table: RoundTripTable): void {
  expect(roundTripTableSchema.parse(JSON.parse(JSON.stringify(table)))).toEqual(table);
  for (const field of ['texts', 'tokens', 'bytes', 'cuts', 'untested'] as const)
    expect(table.kinds.reduce((sum, row) => sum + row[field], 0)).toBe(table.total[field]);
  for (const row of [...table.kinds, table.total])
    for (const judgement of [row.alone, row.afterHeader]) expectSums(judgement, row.cuts);
  for (const { ids, k, actual, fault, class: name } of table.examples) {
    const kept = ids.slice(0, k);
    expect(tokenizer.encode(tokenizer.decode(kept))).toEqual(actual);
    expect(actual).not.toEqual(kept);
    const gone = tokenizer.encode(tokenizer.decode(ids)).slice(0, k);
    // Half a character may be all that the example needs.
    if (name !== 'mid-utf8') expect(isDeepStrictEqual(gone, kept)).toBe(fault === 'cut');
  }
  for (const row of table.kinds)
    for (const where of ['alone', 'afterHeader'] as const)
      for (const entry of row[where].classes)
        expect(
          table.examples.some(
            (example) =>
              example.kind === row.kind &&
              example.class === entry.class &&
              example.fault === entry.fault,
          ),
        ).toBe(true);
}

function expectSums(
  { notIdempotent, cutInduced, nonCanonical, classes }: Judgement,
  cuts: number,
): void {
  expect(cutInduced.count + nonCanonical.count).toBe(notIdempotent.count);
  expect(classes.reduce((sum, entry) => sum + entry.count, 0)).toBe(notIdempotent.count);
  for (const part of [notIdempotent, cutInduced, nonCanonical, ...classes]) {
    expect(part.of).toBe(cuts);
    expect(part.rate).toBe(cuts === 0 ? null : part.count / cuts);
    expect(part.low).toBeLessThanOrEqual(part.rate ?? 0);
    expect(part.high).toBeGreaterThanOrEqual(part.rate ?? 0);
  }
}

describe.each(Object.keys(TOKENIZERS))('%s', (name) => {
  const tokenizer = named(name);
  const header = replyHeader(tokenizer);

  test('the built-in texts: each row counts what the round trip counts', () => {
    const table = roundTripTable(
      tokenizer,
      SAMPLES.map((text) => generationOf(tokenizer, text)),
      { header },
    );
    expectSound(tokenizer, table);
    expect(table).toMatchObject({ basis: 'tokenizer', complete: true, misfits: [] });
    expect(table.kinds.map(({ kind }) => kind)).toEqual(SAMPLES.map(({ kind }) => kind));
    for (const [i, text] of SAMPLES.entries()) {
      const { ids } = generationOf(tokenizer, text);
      const truth = roundTrip(tokenizer, ids, { header: tokenizer.encode(header) });
      expect(table.kinds[i]).toMatchObject({
        cuts: ids.length + 1,
        untested: 0,
        endsInWhitespace: roundTrip(tokenizer, ids).endsInWhitespace,
        alone: { notIdempotent: { count: truth.notIdempotentAlone } },
        afterHeader: {
          notIdempotent: { count: truth.notIdempotent },
          nonCanonical: { count: truth.nonCanonical },
        },
      });
    }
  });

  test('any generation, prompt and bytes', () => {
    const id = fc.nat(tokenizer.vocabularySize - 1);
    const generation = fc.record({
      kind: fc.constantFrom('a', 'b'),
      ids: fc.array(id, { maxLength: 12 }),
      header: fc.option(fc.array(id, { maxLength: 4 }), { nil: undefined }),
    });
    fc.assert(
      fc.property(fc.array(generation, { maxLength: 4 }), (generations) => {
        const told = generations.map((one) => ({
          ...one,
          bytes: one.ids.map((each) => tokenizer.bytes(each)),
        }));
        const table = roundTripTable(tokenizer, told);
        expectSound(tokenizer, table);
        expect(table.misfits).toEqual([]);
        expect(table.total.cuts).toBe(
          generations.reduce((sum, { ids }) => sum + ids.length + 1, 0),
        );
      }),
      { numRuns: 25 },
    );
  });

  test('the work grows with the length of the text, not with its square', () => {
    // The small Unigram vocabulary lacks most characters, and all ids after such a one are wrong.
    const kinds = name === 'unigram' ? ['code-tabs'] : ['prose', 'code-spaces', 'code-tabs', 'cjk'];
    const page = SAMPLES.filter(({ kind }) => kinds.includes(kind))
      .map(({ text }) => text)
      .join('\n');
    const work = (times: number): number => {
      let encoded = 0;
      const counting: LocalTokenizer = {
        ...tokenizer,
        encode: (text) => {
          encoded += text.length;
          return tokenizer.encode(text);
        },
      };
      const ids = tokenizer.encode(page.repeat(times));
      const table = roundTripTable(counting, [{ kind: 'page', ids }], { header });
      expect(table.total).toMatchObject({
        cuts: ids.length + 1,
        untested: 0,
        alone: { nonCanonical: { count: 0 } },
      });
      return encoded;
    };
    const [once, more, most] = [work(1), work(2), work(4)];
    expect(most - more).toBeLessThan(2.2 * (more - once));
    expect(most).toBeLessThan(60 * 4 * page.length);
  });
});

describe('the smallest example', () => {
  const tokenizer = named('llama3');
  const exampleOf = (text: string, header = ''): unknown =>
    roundTripTable(tokenizer, [{ kind: 'x', ids: tokenizer.encode(text) }], { header }).examples;

  test('of a run of spaces', () => {
    expect(exampleOf('The answer is, as it turns out,   7 and nothing else')).toEqual([
      expect.objectContaining({
        class: 'space-run',
        fault: 'cut',
        where: 'alone',
        kept: ['␠␠', '␠'],
        rest: ['7'],
        encoded: ['␠␠␠'],
        k: 2,
      }),
    ]);
  });
  test('of a character that is cut', () => {
    expect(exampleOf('so 🧵')).toMatchObject([{ class: 'mid-utf8', kept: ['␠‹F0 9F›'], rest: [] }]);
  });
  test('of a beginning that melts into the prompt', () => {
    const qwen = named('thinker');
    const ids = qwen.encodePlain('\nSo 5');
    const table = roundTripTable(qwen, [{ kind: 'x', ids }], { header: '<|im_start|>assistant\n' });
    expect(table.header).toEqual({ text: '<|im_start|>assistant\n', canonical: true });
    expect(table.total.alone.notIdempotent.count).toBe(0);
    expect(table.total.afterHeader.notIdempotent.count).toBe(ids.length);
    expect(table.examples).toMatchObject([
      {
        class: 'newline-run',
        fault: 'ids',
        where: 'after-header',
        kept: ['⏎', '⏎'],
        encoded: ['⏎⏎'],
      },
    ]);
  });
});

describe('what is known of a run', () => {
  const tokenizer = named('thinker');
  const ids = tokenizer.encode('A thread 🧵, cut.  ');
  const bytes = ids.map((id) => tokenizer.bytes(id));

  test('bytes alone show the cuts inside characters', () => {
    const table = roundTripTable(undefined, [
      { kind: 'told', ids, bytes },
      { kind: 'untold', ids },
    ]);
    expect(table).toMatchObject({ basis: 'bytes', header: null, examples: [] });
    const [told, untold] = table.kinds;
    const truth = roundTrip(tokenizer, ids);
    expect(told).toMatchObject({
      cuts: ids.length + 1,
      endsInWhitespace: truth.endsInWhitespace,
      alone: { classes: [{ class: 'mid-utf8', fault: 'cut', count: truth.byClass['mid-utf8'] }] },
    });
    expect(truth.byClass['mid-utf8']).toBeGreaterThan(0);
    expect(untold).toMatchObject({ cuts: 0, untested: ids.length + 1 });
    expect(untold?.alone.notIdempotent.rate).toBeNull();
  });

  test('a generation of another tokenizer is not judged', () => {
    const other = bytes.with(2, Buffer.from('web'));
    const table = roundTripTable(tokenizer, [
      { kind: 'a', ids, bytes: other },
      { kind: 'b', ids, bytes },
    ]);
    expect(table.misfits).toEqual([
      { kind: 'a', at: 2, id: ids[2], server: 'web', local: expect.any(String) as string },
    ]);
    expect(table.kinds).toMatchObject([
      { cuts: 0, untested: ids.length + 1 },
      { cuts: ids.length + 1, untested: 0 },
    ]);
  });

  test('control tokens that a server does not print, and a first space that it leaves out, fit', () => {
    const quiet = [...ids, ...tokenizer.encode('<|im_end|>')];
    const generation = { kind: 'a', ids: quiet, bytes: [...bytes, new Uint8Array(0)] };
    expect(roundTripTable(tokenizer, [generation]).misfits).toEqual([]);
    const llama2 = named('llama2');
    const words = llama2.encode('Hello there');
    const told = words.map((id, i) => (i === 0 ? llama2.bytes(id).subarray(1) : llama2.bytes(id)));
    expect(roundTripTable(llama2, [{ kind: 'a', ids: words, bytes: told }]).misfits).toEqual([]);
  });

  test('each generation after its own prompt', () => {
    const text = tokenizer.encodePlain('\nSo 5');
    const header = tokenizer.encode('<|im_start|>assistant\n');
    const table = roundTripTable(tokenizer, [
      { kind: 'after', ids: text, header },
      { kind: 'bare', ids: text },
    ]);
    expect(table.header).toBeNull();
    expect(table.kinds.map(({ afterHeader }) => afterHeader.notIdempotent.count)).toEqual([
      text.length,
      0,
    ]);
  });
});

describe('limits', () => {
  const tokenizer = named('gpt2');

  test('what is too costly is counted as untested', () => {
    const { boundaries: _, ...whole } = tokenizer;
    const ids = tokenizer.encode('word '.repeat(100));
    const { total } = roundTripTable(whole, [{ kind: 'x', ids }], { effort: 1, least: 0 });
    expect(total.untested).toBeGreaterThan(0);
    expect(total.cuts + total.untested).toBe(ids.length + 1);
    expect(total.alone.notIdempotent.of).toBe(total.cuts);
  });

  test('a table made in slices is the same', async () => {
    const made = SAMPLES.map((text) => generationOf(tokenizer, text));
    const options = { header: 'Assistant:' };
    expect(
      await roundTripTableAsync(tokenizer, made, new AbortController().signal, options),
    ).toEqual(roundTripTable(tokenizer, made, options));
  });

  test('a table that is stopped holds the kinds that were finished', async () => {
    const controller = new AbortController();
    const made = SAMPLES.slice(0, 4).map((text) => generationOf(tokenizer, text));
    function* stopping(): Generator<(typeof made)[number]> {
      for (const [i, one] of made.entries()) {
        if (i === 2) controller.abort();
        yield one;
      }
    }
    const table = await roundTripTableAsync(tokenizer, stopping(), controller.signal);
    expect(table.complete).toBe(false);
    expect(table.kinds.map(({ kind }) => kind)).toEqual(['prose', 'code-spaces']);
  });
});
