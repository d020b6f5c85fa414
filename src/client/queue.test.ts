import { setImmediate } from 'node:timers/promises';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { produced } from './queue.ts';

async function drain<T, R>(items: AsyncGenerator<T, R>): Promise<{ all: T[]; result: R }> {
  const all: T[] = [];
  for (;;) {
    const next = await items.next();
    if (next.done === true) return { all, result: next.value };
    all.push(next.value);
  }
}

test('everything comes, in order, and then the result, however it is timed', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.boolean()), async (pauses) => {
      const items = produced<number, string>(async (push) => {
        for (const [i, wait] of pauses.entries()) {
          if (wait) await setImmediate();
          push(i);
        }
        return 'over';
      });
      expect(await drain(items)).toEqual({ all: [...pauses.keys()], result: 'over' });
    }),
  );
});

test('a failure comes after what came before it', async () => {
  const items = produced<number, never>(async (push) => {
    push(1);
    await setImmediate();
    throw new Error('no more');
  });
  expect(await items.next()).toEqual({ done: false, value: 1 });
  await expect(items.next()).rejects.toThrow('no more');
});

test('a reader that leaves early is not told of a failure later', async () => {
  const items = produced<number, never>(async (push) => {
    push(1);
    await setImmediate();
    throw new Error('nobody listens');
  });
  for await (const item of items) if (item === 1) break;
  await setImmediate();
  await setImmediate();
});
