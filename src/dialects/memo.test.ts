import { expect, test } from 'vitest';
import { Memo } from './memo.ts';

async function fail(): Promise<number> {
  throw new Error('no');
}

async function again(): Promise<string> {
  return 'again';
}

test('a result is computed once, also when it is asked for while it is under way', async () => {
  const memo = new Memo<number>(10);
  let computed = 0;
  const compute = async (): Promise<number> => ++computed;
  const all = await Promise.all([
    memo.get('a', compute),
    memo.get('a', compute),
    memo.get('b', compute),
  ]);
  expect(all).toEqual([1, 1, 2]);
  expect(await memo.get('a', compute)).toBe(1);
});

test('a failure is told to everyone who waits, and not remembered', async () => {
  const memo = new Memo<number>(10);
  const both = await Promise.allSettled([memo.get('a', fail), memo.get('a', fail)]);
  expect(both.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  expect(await memo.get('a', async () => 7)).toBe(7);
});

test('the oldest is forgotten first', async () => {
  const memo = new Memo<string>(2);
  for (const key of ['a', 'b', 'c']) await memo.get(key, async () => key);
  expect(await memo.get('c', again)).toBe('c');
  expect(await memo.get('b', again)).toBe('b');
  expect(await memo.get('a', again)).toBe('again');
});

async function ids(length: number): Promise<readonly number[]> {
  return Array.from({ length }, () => 1);
}

test('large results are forgotten before small ones are', async () => {
  const memo = new Memo<readonly number[]>(1000, 10_000);
  await memo.get('small', () => ids(10));
  await memo.get('large', () => ids(1200));
  expect(await memo.get('small', () => ids(1))).toHaveLength(10);
  await memo.get('another', () => ids(1200));
  expect(await memo.get('another', () => ids(2))).toHaveLength(1200);
  expect(await memo.get('large', () => ids(2))).toHaveLength(2);
});
