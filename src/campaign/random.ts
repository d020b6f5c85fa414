/** Repeatable random choices: the same seed gives the same plan on every machine. */
import { createHash } from 'node:crypto';

/** A number in [0, 1) that depends on the seed and the key only, not on the order of calls. */
export function chance(seed: number, ...key: readonly (string | number)[]): number {
  const digest = createHash('sha256')
    .update([seed, ...key].join('\u0000'))
    .digest();
  return digest.readUInt32BE(0) / 0x1_0000_0000;
}
