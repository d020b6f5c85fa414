/** Do two shares differ more than chance explains? */
import { wilson, type Interval } from '../../tokens/interval.ts';

/** Something that was counted `count` times `of` so many. */
export interface Share {
  readonly count: number;
  readonly of: number;
}

/** Two shares held against each other. */
export interface ShareDifference {
  readonly a: Share & Interval;
  readonly b: Share & Interval;
  /** B's rate less A's, with the bounds of its confidence interval, between -1 and 1. */
  readonly difference: number;
  readonly low: number;
  readonly high: number;
  /** Zero lies outside the interval: chance does not explain it. */
  readonly news: boolean;
}

/**
 * Newcombe's interval for the difference of two proportions, from the Wilson intervals of both;
 * it stays sensible where a share is 0 or 1 and the numbers are small.
 *
 * @param z standard deviations to each side
 * @returns never news when either was not tried at all
 */
export function compareShares(a: Share, b: Share, z = 1.96): ShareDifference {
  const [left, right] = [wilson(a.count, a.of, z), wilson(b.count, b.of, z)];
  const sides = { a: { ...a, ...left }, b: { ...b, ...right } };
  if (a.of <= 0 || b.of <= 0)
    return { ...sides, difference: Number.NaN, low: -1, high: 1, news: false };
  const difference = right.rate - left.rate;
  const low = difference - Math.hypot(right.rate - right.low, left.high - left.rate);
  const high = difference + Math.hypot(right.high - right.rate, left.rate - left.low);
  return { ...sides, difference, low, high, news: low > 0 || high < 0 };
}

/**
 * The z at which of so many comparisons that all hold nothing but chance, one in twenty *diffs*
 * has a false alarm, not one in twenty comparisons (Bonferroni).
 *
 * @param comparisons at least 1
 * @param alarms share of diffs with a false alarm
 */
export function familyZ(comparisons: number, alarms = 0.05): number {
  return normalQuantile(1 - alarms / (2 * Math.max(1, comparisons)));
}

/** Inverse of the standard normal distribution for p from 0.5 on, by bisection of the tail. */
function normalQuantile(p: number): number {
  let [low, high] = [0, 10];
  for (let i = 0; i < 60; i++) {
    const middle = (low + high) / 2;
    if (upperTail(middle) > 1 - p) low = middle;
    else high = middle;
  }
  return low;
}

/** The standard normal density. */
function density(t: number): number {
  return Math.exp((-t * t) / 2) / Math.sqrt(2 * Math.PI);
}

/** P(Z > x) for x ≥ 0, by Simpson's rule over the density; good to 1e-10, which is plenty here. */
function upperTail(x: number): number {
  const end = x + 12;
  const steps = 1200;
  const width = (end - x) / steps;
  let sum = density(x) + density(end);
  for (let i = 1; i < steps; i++) sum += (i % 2 === 1 ? 4 : 2) * density(x + i * width);
  return (sum * width) / 3;
}
