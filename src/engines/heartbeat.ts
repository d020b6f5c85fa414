import type { Progress } from './running.ts';

/**
 * Announces something slow, and says every few seconds how long it has been going on.
 *
 * @param everyMs @defaultValue 3000
 */
export async function withHeartbeat<T>(
  doing: string,
  progress: Progress,
  work: () => Promise<T>,
  everyMs = 3000,
): Promise<T> {
  const start = Date.now();
  progress(`${doing}…`);
  const timer = setInterval(() => {
    progress(`${doing}… ${Math.round((Date.now() - start) / 1000)} s`);
  }, everyMs);
  try {
    return await work();
  } finally {
    clearInterval(timer);
  }
}
