import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Batch } from './batch.ts';

test('everybody gets their own result, and a bad item fails alone', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.scheduler(),
      fc.array(fc.integer({ min: 0, max: 20 }), { maxLength: 30 }),
      fc.integer({ min: 1, max: 8 }),
      async (scheduler, items, most) => {
        const sizes: number[] = [];
        const batch = new Batch<number, number>(async (asked) => {
          sizes.push(asked.length);
          await scheduler.schedule(Promise.resolve());
          if (asked.some((item) => item === 13)) throw new Error('unlucky');
          return asked.map((item) => item * 2);
        }, most);
        const all = Promise.allSettled(items.map((item) => batch.get(item)));
        await scheduler.waitFor(all);
        for (const [i, outcome] of (await all).entries())
          expect(outcome.status === 'fulfilled' ? outcome.value : outcome.reason.message).toBe(
            items[i] === 13 ? 'unlucky' : (items[i] ?? 0) * 2,
          );
        for (const size of sizes) expect(size).toBeLessThanOrEqual(most);
      },
    ),
  );
});

test('what is asked while a request is under way goes out together', async () => {
  const sent: number[][] = [];
  const batch = new Batch<number, number>(async (items) => {
    sent.push([...items]);
    await new Promise((resolve) => setImmediate(resolve));
    return items;
  }, 4);
  await Promise.all([1, 2, 3, 4, 5, 6, 7].map((item) => batch.get(item)));
  expect(sent).toEqual([[1], [2, 3, 4, 5], [6, 7]]);
});

test('a request that comes back short fails the ones without an answer', async () => {
  const batch = new Batch<number, number>(async (items) => items.slice(1), 4);
  await expect(batch.get(1)).rejects.toThrow('short');
});
