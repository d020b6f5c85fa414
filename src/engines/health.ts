import { setTimeout as sleep } from 'node:timers/promises';
import { request } from 'undici';
import { SeamstressError } from '../errors.ts';
import type { ServerProcess } from './server.ts';
import { throwIfStopped } from './stop-early.ts';

const POLL_MS = 60;
const ATTEMPT_MS = 5000;

/** What is waited for, and for how long. */
export interface HealthOptions {
  /** The server's name in messages. */
  readonly name: string;
  /** Base URL, once known. */
  readonly url: Promise<string>;
  readonly signal: AbortSignal;
  readonly timeoutMs: number;
  /** Where it answers 200 once it is up. @defaultValue `/health` */
  readonly path?: string;
}

/**
 * Waits until `GET /health`, or the path that was named, answers 200 and returns the base URL.
 *
 * @throws SeamstressError `engine` with the last log lines when the process ends first or the
 * time is over, `interrupted` when the signal is aborted.
 */
export async function waitUntilHealthy(
  server: ServerProcess,
  { name, url, signal, timeoutMs, path = '/health' }: HealthOptions,
): Promise<string> {
  const over = new AbortController();
  const timer = setTimeout(() => over.abort(), timeoutMs);
  const gone = server.exited.then((exit) => {
    const how = exit.signal === null ? `status ${exit.code ?? 'unknown'}` : exit.signal;
    throw new SeamstressError('engine', `${name} ended with ${how} before it was up`, {
      hint: lastLines(exit.log),
    });
  });
  const stop = AbortSignal.any([signal, over.signal]);
  try {
    return await Promise.race([gone, pollHealth(url, path, stop)]);
  } catch (error) {
    throwIfStopped(signal, `${name} was starting`);
    if (!over.signal.aborted || error instanceof SeamstressError) throw error;
    throw new SeamstressError(
      'engine',
      `${name} did not answer GET ${path} within ${timeoutMs / 1000} s`,
      { hint: lastLines(server.log()), cause: error },
    );
  } finally {
    clearTimeout(timer);
    over.abort();
  }
}

function lastLines(log: string): string {
  const lines = log.trimEnd().split('\n').slice(-8).join('\n');
  return lines === '' ? 'It wrote nothing.' : `Its last lines:\n${lines}`;
}

async function pollHealth(
  urlKnown: Promise<string>,
  path: string,
  stop: AbortSignal,
): Promise<string> {
  const url = await Promise.race([urlKnown, rejectedAt(stop)]);
  for (;;) {
    if (await answers200(url + path, stop)) return url;
    await sleep(POLL_MS, undefined, { signal: stop });
  }
}

async function answers200(url: string, stop: AbortSignal): Promise<boolean> {
  try {
    const signal = AbortSignal.any([stop, AbortSignal.timeout(ATTEMPT_MS)]);
    const response = await request(url, { signal });
    await response.body.dump();
    return response.statusCode === 200;
  } catch (error) {
    if (stop.aborted) throw error;
    return false;
  }
}

function rejectedAt(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const stop = (): void => reject(signal.reason as Error);
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop, { once: true });
  });
}
