import { expect, test } from 'vitest';
import { CAUSE_NAMES, CAUSES, CULPRITS } from './causes.ts';

test('each cause has a culprit and a title of one sentence', () => {
  expect(new Set(CAUSE_NAMES).size).toBe(CAUSE_NAMES.length);
  expect(Object.keys(CAUSES).toSorted()).toEqual([...CAUSE_NAMES].toSorted());
  for (const { culprit, title } of Object.values(CAUSES)) {
    expect(CULPRITS).toContain(culprit);
    expect(title).toMatch(/^[A-Z][^\n]*\.$/);
  }
});

test('only what is unexplained, or cannot be seen without ids, is nobody’s fault', () => {
  const unknown = CAUSE_NAMES.filter((name) => CAUSES[name].culprit === 'unknown');
  expect(unknown).toEqual(['prompt-count-differs', 'text-differs', 'unexplained']);
});
