import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { inOrder, LimitedRoom, sideBySide } from './limit.ts';

const some = fc.array(fc.integer({ min: 3, max: 8 }), { maxLength: 20 });

/** Runs a task for each number and tells how many were under way at most. */
async function count(numbers: readonly number[], most: number, leaveAfter = Infinity) {
  let [active, highest] = [0, 0];
  const given: number[] = [];
  const results = inOrder(numbers.entries(), most, async ([i, ticks]) => {
    highest = Math.max(highest, ++active);
    for (let tick = 0; tick < ticks; tick++) await Promise.resolve();
    active--;
    return i;
  });
  for await (const i of results) if (given.push(i) >= leaveAfter) break;
  return { given, highest, active };
}

test('results come in the order of the items, with no more under way than allowed', async () => {
  await fc.assert(
    fc.asyncProperty(some, fc.integer({ min: 1, max: 6 }), async (numbers, most) => {
      const { given, highest } = await count(numbers, most);
      expect(given).toEqual([...numbers.keys()]);
      expect(highest).toBe(Math.min(most, numbers.length));
    }),
  );
});

test('nothing is under way any more when the results are left early', async () => {
  await fc.assert(
    fc.asyncProperty(some, fc.integer({ min: 1, max: 6 }), async (numbers, most) => {
      expect((await count(numbers, most, 2)).active).toBe(0);
    }),
  );
});

test('a task that fails is thrown where its result would be', async () => {
  const results = inOrder([1, 2, 3], 3, async (n) => {
    if (n === 2) throw new Error('no');
    return n;
  });
  expect(await results.next()).toEqual({ done: false, value: 1 });
  await expect(results.next()).rejects.toThrow('no');
});

test('whole generations are side by side only where one cache serves all', () => {
  expect(sideBySide({ sharedCache: true }, 8)).toBe(8);
  expect(sideBySide({ sharedCache: false }, 8)).toBe(1);
  expect(sideBySide({}, 8)).toBe(1);
});

test('a room that is emptied forgets what has not begun and waits for the rest', async () => {
  const room = new LimitedRoom(1);
  const done: number[] = [];
  const slow = (n: number) => async (): Promise<void> => {
    await new Promise((resolve) => setTimeout(resolve, 5));
    done.push(n);
  };
  void room.generations(slow(1));
  void room.generations(slow(2));
  await new Promise((resolve) => setTimeout(resolve, 1));
  await room.empty();
  expect(done).toEqual([1]);
});
