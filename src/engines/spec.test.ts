import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { buildOf, compareVersions, parseEngine } from './spec.ts';

describe('parseEngine', () => {
  test.each([
    ['llama.cpp', undefined],
    ['llama.cpp@2026.4.8929', '2026.4.8929'],
    ['llama.cpp@0.2.10', '0.2.10'],
    ['llama.cpp@2026.4.8672.1', '2026.4.8672.1'],
  ])('%s', (text, version) => {
    expect(parseEngine(text)).toEqual({ name: 'llama.cpp', version });
  });

  test.each([
    ['vllm', undefined],
    ['vllm@0.12.0.post2', '0.12.0.post2'],
  ])('%s', (text, version) => {
    expect(parseEngine(text)).toEqual({ name: 'vllm', version });
  });

  test.each(['llama', 'LLAMA.CPP', '', '@1.0', 'vLLM'])('an unknown name: "%s"', (text) => {
    expect(() => parseEngine(text)).toThrow(
      expect.objectContaining({
        code: 'usage',
        message: expect.stringContaining('unknown engine') as string,
        hint: expect.stringContaining('llama.cpp') as string,
      }),
    );
  });

  test.each(['', 'latest', '--help', '../up', '1..2', '1/2', '1 2', '1@2'])(
    'not a version: "%s"',
    (version) => {
      expect(() => parseEngine(`llama.cpp@${version}`)).toThrow(
        expect.objectContaining({
          code: 'usage',
          message: expect.stringContaining('not a version') as string,
        }),
      );
    },
  );
});

test.each([
  ['2026.10.11549', 'b11549'],
  ['2026.4.8929', 'b8929'],
  ['2026.4.8672.1', 'b8672'],
  ['0.2.10', undefined],
  ['2026.4', undefined],
  ['9.9.9', undefined],
])('the build of %s is %s', (version, build) => {
  expect(buildOf(version)).toBe(build);
});

describe('compareVersions', () => {
  test('compares numbers, not digits', () => {
    const versions = ['2026.10.11549', '0.2.9', '2026.4.8672.1', '0.2.10', '2026.4.8672'];
    expect(versions.toSorted(compareVersions)).toEqual([
      '0.2.9',
      '0.2.10',
      '2026.4.8672',
      '2026.4.8672.1',
      '2026.10.11549',
    ]);
  });

  test('is an order', () => {
    const version = fc
      .array(fc.nat({ max: 3000 }), { minLength: 1, maxLength: 4 })
      .map((parts) => parts.join('.'));
    fc.assert(
      fc.property(version, version, version, (a, b, c) => {
        expect(compareVersions(a, a)).toBe(0);
        expect(Math.sign(compareVersions(a, b))).toBe(-Math.sign(compareVersions(b, a)) + 0);
        if (compareVersions(a, b) <= 0 && compareVersions(b, c) <= 0) {
          expect(compareVersions(a, c)).toBeLessThanOrEqual(0);
        }
      }),
    );
  });
});
