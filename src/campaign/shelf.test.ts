import { readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import * as fc from 'fast-check';
import { expect, test, vi } from 'vitest';
import { generations, subjectOf, THINKING } from '../seam/fixtures.test-help.ts';
import { Shelf } from './shelf.ts';

test('gives back what was put there, in order and at random, however few it holds in memory', () => {
  fc.assert(
    fc.property(
      fc.array(generations, { minLength: 1, maxLength: 12 }),
      fc.integer({ min: 1, max: 4 }),
      fc.array(fc.nat(11), { maxLength: 20 }),
      (all, most, asked) => {
        const shelf = new Shelf(most);
        const subjects = all.map((generation) => subjectOf(generation));
        for (const subject of subjects) shelf.add(subject);
        expect(shelf.length).toBe(subjects.length);
        expect([...shelf]).toEqual(subjects);
        for (const i of asked) expect(shelf.at(i)).toEqual(subjects[i]);
        expect([...shelf]).toEqual(subjects);
        shelf.close();
      },
    ),
    { numRuns: 40 },
  );
});

test('a subject stays the same object while it is in memory', () => {
  const shelf = new Shelf(2);
  const subjects = [1, 2, 3].map(() => subjectOf(THINKING));
  for (const subject of subjects) shelf.add(subject);
  expect(shelf.at(2)).toBe(subjects[2]);
  expect(shelf.at(0)).not.toBe(subjects[0]);
  expect(shelf.at(0)).toBe(shelf.at(0));
  shelf.close();
});

function own(): string[] {
  return readdirSync(tmpdir()).filter((name) => name.startsWith('seamstress-generations-'));
}

test('leaves no file, neither while it is used nor after', () => {
  const before = own();
  const shelf = new Shelf(1);
  for (let i = 0; i < 5; i++) shelf.add(subjectOf(THINKING));
  if (process.platform !== 'win32') expect(own()).toEqual(before);
  shelf.close();
  expect(own()).toEqual(before);
});

test('a folder that cannot be written is an error of the output, with what to do', () => {
  vi.stubEnv('TMPDIR', '/nowhere');
  const shelf = new Shelf(1);
  try {
    shelf.add(subjectOf(THINKING));
    expect(() => shelf.add(subjectOf(THINKING))).toThrow(
      expect.objectContaining({ code: 'output', hint: expect.stringContaining('TMPDIR') }),
    );
  } finally {
    vi.unstubAllEnvs();
  }
});
