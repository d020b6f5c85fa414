/** Confidence intervals for rates. */

/** A rate with the bounds of its confidence interval, all between 0 and 1. */
export interface Interval {
  readonly rate: number;
  readonly low: number;
  readonly high: number;
}

/**
 * Wilson's score interval of a proportion; unlike the normal one it stays sensible at 0 and at 1.
 *
 * @param z - standard deviations to each side; 1.96 gives 95 %
 * @returns no trials: rate NaN, from 0 to 1
 */
export function wilson(successes: number, trials: number, z = 1.96): Interval {
  if (trials <= 0) return { rate: Number.NaN, low: 0, high: 1 };
  const rate = successes / trials;
  const scale = 1 + (z * z) / trials;
  const centre = (rate + (z * z) / (2 * trials)) / scale;
  const margin =
    (z / scale) * Math.sqrt((rate * (1 - rate)) / trials + (z * z) / (4 * trials * trials));
  // At the ends rounding would leave a bound just beside the rate.
  return {
    rate,
    low: successes <= 0 ? 0 : Math.max(0, centre - margin),
    high: successes >= trials ? 1 : Math.min(1, centre + margin),
  };
}
