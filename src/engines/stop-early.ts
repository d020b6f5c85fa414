import { SeamstressError } from '../errors.ts';

/** Throws if the signal has been aborted: its own reason where that is one of our errors. */
export function throwIfStopped(signal: AbortSignal, what: string): void {
  if (!signal.aborted) return;
  const reason: unknown = signal.reason;
  if (reason instanceof SeamstressError) throw reason;
  throw new SeamstressError('interrupted', `stopped while ${what}`, { cause: reason });
}
