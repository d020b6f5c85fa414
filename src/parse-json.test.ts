import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { jsonTrouble, MOST_CONTAINERS, MOST_LEVELS, parseJson } from './parse-json.ts';

/** How deep a value is, told from the value itself. */
function depthOf(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  return 1 + Math.max(0, ...Object.values(value).map(depthOf));
}

const nested = {
  lists: (levels: number, inside = '1') => '['.repeat(levels) + inside + ']'.repeat(levels),
  objects: (levels: number, inside = '1') => '{"a":'.repeat(levels) + inside + '}'.repeat(levels),
};

/** A list of so many empty lists and objects. */
function row(count: number): string {
  return `[${'[],{},'.repeat(count / 2)}0]`;
}

describe('values of JSON texts', () => {
  test('are those of JSON.parse, and what is not JSON is the same error', () => {
    fc.assert(
      fc.property(fc.oneof(fc.json(), fc.string(), fc.json({ maxDepth: 8 })), (text) => {
        let expected: unknown;
        try {
          expected = JSON.parse(text);
        } catch (error) {
          expect(() => parseJson(text)).toThrow((error as Error).message);
          return;
        }
        expect(parseJson(text)).toEqual(expected);
      }),
    );
  });

  test('nest so many levels and not one more, wherever the level is', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...Object.values(nested)),
        fc.integer({ min: MOST_LEVELS - 3, max: MOST_LEVELS + 3 }),
        fc.jsonValue({ maxDepth: 4 }),
        fc.array(fc.jsonValue({ maxDepth: 2 }), { maxLength: 4 }),
        fc.string(),
        (nest, levels, inside, others, padding) => {
          const before = JSON.stringify({ ['[{"\\'.repeat(300) + padding]: others });
          const text = `[${before},${nest(levels, JSON.stringify(inside))}]`;
          const depth = Math.max(depthOf(JSON.parse(before)), levels + depthOf(inside)) + 1;
          if (depth <= MOST_LEVELS) expect(parseJson(text)).toEqual(JSON.parse(text));
          else expect(() => parseJson(text)).toThrow('too deeply nested (more than 500 levels)');
        },
      ),
    );
  });

  test('brackets in strings do not count', () => {
    for (const inside of ['[', '{', '\\"[', '\\\\\\"{', '\\u0022['])
      expect(jsonTrouble(`{"${inside.repeat(5000)}":["${inside.repeat(5000)}"]}`)).toBeUndefined();
    expect(jsonTrouble(`["\\\\",${nested.lists(1000)}]`)).toMatch(/too deeply/);
  });

  test('many side by side are well, until their number alone fills the memory', () => {
    expect(parseJson(row(100_000))).toHaveLength(100_001);
    expect(jsonTrouble(row(MOST_CONTAINERS - 2))).toBeUndefined();
    expect(jsonTrouble(row(MOST_CONTAINERS))).toMatch(/more than 2000000 lists and objects/);
  });

  test.each(['[', '{"a":', '[{"":', '["', '"\\', '["\\\\', ']', '}{'])(
    'repetitions of %j without an end are told in time and memory',
    (part) => {
      const text = part.repeat(30_000_000 / part.length);
      const [before, began] = [process.memoryUsage().heapUsed, performance.now()];
      expect(() => parseJson(text)).toThrow(/^it is too|JSON/);
      expect(process.memoryUsage().heapUsed - before).toBeLessThan(64 * 1024 * 1024);
      expect(performance.now() - began).toBeLessThan(5000);
    },
  );
});
