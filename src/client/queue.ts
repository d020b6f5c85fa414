/** Hands on what a running task produces, as it comes, and then the task's result. */

/**
 * Runs a task and yields what it pushes. Nothing is dropped; a slow reader lets the queue grow.
 *
 * @returns the task's result
 * @throws what the task throws, after everything that it pushed before
 */
export async function* produced<T, R>(
  task: (push: (item: T) => void) => Promise<R>,
): AsyncGenerator<T, R, undefined> {
  const items: T[] = [];
  let wake: (() => void) | undefined;
  let over = false;
  const running = task((item) => {
    items.push(item);
    wake?.();
  }).finally(() => {
    over = true;
    wake?.();
  });
  // A reader that leaves early does not wait for the task; its failure is then nobody's business.
  running.catch(() => undefined);
  for (;;) {
    for (let item = items.shift(); item !== undefined; item = items.shift()) yield item;
    if (over) return await running;
    await new Promise<void>((resolve) => {
      wake = resolve;
      if (over || items.length > 0) resolve();
    });
  }
}
