import { waitUntilHealthy } from './health.ts';
import type { Progress, RunningEngine } from './running.ts';
import type { ServerProcess } from './server.ts';
import { throwIfStopped } from './stop-early.ts';

/** What turns a started process into a running engine. */
export interface BringUpOptions {
  /** Its name for the person who waits. */
  readonly title: string;
  /** Base URL, once known. */
  readonly url: Promise<string>;
  readonly signal: AbortSignal;
  readonly progress: Progress;
  readonly healthMs: number;
  /** What runs at the URL; asked once it is healthy. */
  readonly identify: (url: string) => Promise<Pick<RunningEngine, 'name' | 'version' | 'build'>>;
}

/**
 * Waits until a started server is healthy and wraps it up. If that fails nothing is left of it.
 * From then on the signal stops it.
 */
export async function bringUp(
  server: ServerProcess,
  { title, url: urlKnown, signal, progress, healthMs, identify }: BringUpOptions,
): Promise<RunningEngine> {
  const start = performance.now();
  progress(`starting ${title}…`);
  try {
    const url = await waitUntilHealthy(server, {
      name: title,
      url: urlKnown,
      signal,
      timeoutMs: healthMs,
    });
    const identity = await identify(url);
    throwIfStopped(signal, `${title} was starting`);
    const seconds = ((performance.now() - start) / 1000).toFixed(1);
    progress(`${title} started in ${seconds} s on ${url}`);

    const onAbort = (): void => void server.stop();
    signal.addEventListener('abort', onAbort, { once: true });
    void server.exited.then(() => signal.removeEventListener('abort', onAbort));
    const { exited, stop, log } = server;
    return { ...identity, url, dialect: 'llama.cpp', exited, stop, log };
  } catch (error) {
    await server.stop();
    throw error;
  }
}
