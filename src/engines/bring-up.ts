import { waitUntilHealthy } from './health.ts';
import { withHeartbeat } from './heartbeat.ts';
import type { Progress, RunningEngine } from './running.ts';
import type { ServerProcess } from './server.ts';
import { throwIfStopped } from './stop-early.ts';

/** What an engine is, apart from its process. */
export type Identity = Pick<RunningEngine, 'name' | 'version' | 'build' | 'dialect' | 'files'>;

/** Between two lines that say how long a start has taken so far. */
const HEARTBEAT_MS = 10_000;

/** What turns a started process into a running engine. */
export interface BringUpOptions {
  /** Its name for the person who waits. */
  readonly title: string;
  /** Base URL, once known. */
  readonly url: Promise<string>;
  readonly signal: AbortSignal;
  readonly progress: Progress;
  readonly healthMs: number;
  /** Where it answers 200 once it is up. @defaultValue `/health` */
  readonly healthPath?: string;
  /** What runs at the URL; asked once it is healthy. */
  readonly identify: (url: string) => Promise<Identity>;
}

/**
 * Waits until a started server is healthy and wraps it up. If that fails nothing is left of it.
 * From then on the signal stops it.
 */
export async function bringUp(
  server: ServerProcess,
  { title, url: urlKnown, signal, progress, healthMs, healthPath, identify }: BringUpOptions,
): Promise<RunningEngine> {
  const start = performance.now();
  try {
    const waiting = {
      name: title,
      url: urlKnown,
      signal,
      timeoutMs: healthMs,
      ...(healthPath === undefined ? {} : { path: healthPath }),
    };
    const url = await withHeartbeat(
      `starting ${title}`,
      progress,
      () => waitUntilHealthy(server, waiting),
      HEARTBEAT_MS,
    );
    const identity = await identify(url);
    throwIfStopped(signal, `${title} was starting`);
    const seconds = ((performance.now() - start) / 1000).toFixed(1);
    progress(`${title} started in ${seconds} s on ${url}`);

    const onAbort = (): void => void server.stop();
    signal.addEventListener('abort', onAbort, { once: true });
    void server.exited.then(() => signal.removeEventListener('abort', onAbort));
    const { exited, stop, log } = server;
    return { ...identity, url, exited, stop, log };
  } catch (error) {
    await server.stop();
    throw error;
  }
}
