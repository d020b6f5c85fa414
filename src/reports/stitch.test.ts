import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { example } from './hostile.test-help.ts';
import type { Finding } from './record.ts';
import {
  align,
  differenceOf,
  stitch,
  vocabularyOf,
  type Stitched,
  type StitchedToken,
} from './stitch.ts';

const record = example('llama.cpp-b11549');
const vocabulary = vocabularyOf(record.findings);

function findingOf(cause: string): Finding {
  const found = record.findings.find((finding) => finding.cause === cause);
  if (found === undefined) throw new Error(`no finding ${cause}`);
  return found;
}

describe('pieces worked out from a text', () => {
  const PIECES = ['a', 'b', 'ab', ' a', '\n', '€', '中', '  '].map((text) => Buffer.from(text));
  const sequences = fc.record({
    ids: fc.array(fc.nat(PIECES.length - 1), { minLength: 1, maxLength: 12 }),
    hidden: fc.array(fc.nat(PIECES.length - 1), { maxLength: 3 }),
  });

  test('are those that the text was made of, or not told', () => {
    fc.assert(
      fc.property(sequences, ({ ids, hidden }) => {
        const known = new Map(
          PIECES.map((piece, id) => [id, new Uint8Array(piece)] as const).filter(
            ([id]) => !hidden.includes(id),
          ),
        );
        const text = Buffer.concat(ids.map((id) => PIECES[id] ?? Buffer.alloc(0))).toString();
        const found = align(ids, text, known);
        expect(found).toHaveLength(ids.length);
        for (const [i, id] of ids.entries()) {
          const piece = found?.[i];
          if (piece !== undefined) expect(Buffer.from(piece)).toEqual(PIECES[id]);
          else expect(hidden).toContain(id);
        }
        // An unknown piece among known ones has one place only.
        if (new Set(ids.filter((id) => hidden.includes(id))).size === 1)
          if (ids.filter((id) => hidden.includes(id)).length === 1)
            expect(found?.every((piece) => piece !== undefined)).toBe(true);
      }),
    );
  });

  test('are none when the text is another one', () => {
    const known = new Map([[1, new Uint8Array(Buffer.from('a'))]]);
    expect(align([1, 1], 'ab', known)).toBeUndefined();
    expect(align([1], 'aa', known)).toBeUndefined();
    expect(align([], 'a', known)).toBeUndefined();
  });
});

describe('a stitched sequence of a real finding', () => {
  test('knows the piece of an id that no generation wrote', () => {
    const stitched = stitch(findingOf('space-run'), vocabulary);
    expect(vocabulary.has(256)).toBe(false);
    expect(stitched.at).toBe(35);
    expect(stitched.wanted.slice(35).map((token) => token.piece)).toEqual(['␠', '␠']);
    expect(stitched.got.slice(35)).toEqual([{ id: 256, piece: '␠␠', phase: undefined }]);
    expect(stitched.after[0]).toMatchObject({ phase: 'reasoning' });
  });

  test.each(record.findings)('goes on where the cut was: $cause', (finding) => {
    const { generation, k } = finding.minimal;
    const { wanted, after } = stitch(finding, vocabulary);
    expect([...wanted, ...after].map((token) => token.id)).toEqual([
      ...generation.promptIds,
      ...generation.tokens.map((token) => token.id),
    ]);
    expect(wanted).toHaveLength(generation.promptIds.length + k);
    expect(wanted.filter((token) => token.phase === 'prompt')).toHaveLength(
      generation.promptIds.length,
    );
  });

  test('lines up what differs, and what agrees again after it', () => {
    const found = differenceOf(stitch(findingOf('separator-rebuilt'), vocabulary));
    const differing = found?.columns.filter((column) => !column.same);
    expect(differing).toMatchObject([
      { index: 42, wanted: { piece: '.⏎' }, got: { id: 326, piece: '.⏎⏎' } },
    ]);
    expect(found?.columns.at(-1)).toMatchObject({ same: true });
  });
});

const token = (id: number): StitchedToken => ({ id, piece: undefined, phase: undefined });

function sequencesOf(wanted: readonly number[], got: readonly number[]): Stitched {
  const length = Math.max(wanted.length, got.length);
  const at = Array.from({ length }, (_, i) => i).find((i) => wanted[i] !== got[i]);
  return { wanted: wanted.map(token), got: got.map(token), at, after: [] };
}

describe('a difference', () => {
  test.each([
    ['an inserted token', [1, 2, 3, 4, 5], [1, 2, 9, 3, 4, 5], [[undefined, 9]]],
    ['a lost token', [1, 2, 9, 3, 4, 5], [1, 2, 3, 4, 5], [[9, undefined]]],
    ['a changed token', [1, 2, 3, 4, 5], [1, 2, 9, 4, 5], [[3, 9]]],
    [
      'a lost end',
      [1, 2, 3],
      [1],
      [
        [2, undefined],
        [3, undefined],
      ],
    ],
    ['an added end', [1], [1, 2], [[undefined, 2]]],
    [
      'two for one',
      [1, 2, 3, 5, 6, 7],
      [1, 4, 5, 6, 7],
      [
        [2, 4],
        [3, undefined],
      ],
    ],
  ] as const)('%s', (_what, wanted, got, columns) => {
    const found = differenceOf(sequencesOf(wanted, got));
    expect(
      found?.columns
        .filter((column) => !column.same)
        .map((column) => [column.wanted?.id, column.got?.id]),
    ).toEqual(columns);
    expect(found?.again).toBe(false);
  });

  test('shows stretches of both sequences as they are, and says what it left out', () => {
    const ids = fc.array(fc.nat(4), { maxLength: 40 });
    fc.assert(
      fc.property(ids, ids, fc.integer({ min: 1, max: 9 }), (wanted, got, most) => {
        const stitched = sequencesOf(wanted, got);
        const found = differenceOf(stitched, { most });
        if (stitched.at === undefined) {
          expect(found).toBeUndefined();
          return;
        }
        const columns = found?.columns ?? [];
        for (const column of columns)
          expect(column.wanted?.id === column.got?.id).toBe(column.same);
        expect(columns.find((column) => !column.same)?.index).toBe(stitched.at);
        expect(columns.filter((column) => !column.same).length).toBeLessThanOrEqual(most);
        if (found?.leftOut === 0 && !found.again && columns.filter((c) => c.same).length < 5) {
          const start = stitched.at - columns.findIndex((column) => !column.same);
          expect(columns.flatMap((column) => column.wanted?.id ?? [])).toEqual(wanted.slice(start));
          expect(columns.flatMap((column) => column.got?.id ?? [])).toEqual(got.slice(start));
        }
      }),
    );
  });
});
