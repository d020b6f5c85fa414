/** Deterministic noise: everything that looks random in the reference server comes from here. */

/** An unsigned 32-bit hash of numbers. */
export function hashNumbers(values: Iterable<number>, seed = 0): number {
  let hash = (seed ^ 0x9e3779b9) >>> 0;
  for (const value of values) hash = mix(hash, value);
  return finish(hash);
}

/** An unsigned 32-bit hash of a text's UTF-16 code units. */
export function hashText(text: string, seed = 0): number {
  let hash = (seed ^ 0x85ebca6b) >>> 0;
  for (let i = 0; i < text.length; i++) hash = mix(hash, text.charCodeAt(i));
  return finish(hash);
}

/** A hash as a number in [0, 1). */
export function unit(hash: number): number {
  return hash / 0x1_0000_0000;
}

function mix(hash: number, value: number): number {
  let k = Math.imul(value, 0xcc9e2d51);
  k = (k << 15) | (k >>> 17);
  const mixed = hash ^ Math.imul(k, 0x1b873593);
  return (Math.imul((mixed << 13) | (mixed >>> 19), 5) + 0xe6546b64) >>> 0;
}

function finish(hash: number): number {
  let h = hash;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}
