/** Verdicts, and how the checks of one seam add up to one. */
export const VERDICTS = ['exact', 'drift', 'diverged', 'rejected', 'unstable', 'error'] as const;
export type Verdict = (typeof VERDICTS)[number];

/**
 * The checks that can fail a seam. `resume` is the server's refusal to go on at all, `transport` a
 * resumed stream that does not end in good order.
 */
export const CHECKS = ['resume', 'prompt', 'transport', 'continuation', 'shape'] as const;
export type CheckName = (typeof CHECKS)[number];

/** Verdicts that make a finding. */
export const FAILING: ReadonlySet<Verdict> = new Set(['drift', 'diverged', 'rejected']);

/** Worst first, for findings that hold several. */
const SEVERITY: readonly Verdict[] = [
  'diverged',
  'rejected',
  'drift',
  'unstable',
  'error',
  'exact',
];

/** The worse of two verdicts. */
export function worse(a: Verdict, b: Verdict): Verdict {
  return SEVERITY.indexOf(a) <= SEVERITY.indexOf(b) ? a : b;
}

/** What is known of a flip: where the resumed output leaves the uninterrupted one. */
export interface FlipFacts {
  /** Nats between the two candidates; undefined when unknown. */
  readonly gap: number | undefined;
  /** Whether the token control, from the same cut, gives the uninterrupted tokens. */
  readonly controlExact: boolean;
}

/**
 * The verdict on a seam whose resume was accepted.
 *
 * A flip proves something about the seam only if the engine can be trusted there: the same cut
 * resumed by token ids must be exact, and the two candidates must be further apart than τ. A
 * prompt that differs is a fact of its own: then an untrustworthy flip leaves `drift`.
 *
 * @param tau near-tie threshold in nats, measured from repeats
 */
export function verdictOf(
  promptAgrees: boolean,
  flip: FlipFacts | undefined,
  shapeHolds: boolean,
  tau: number,
): Verdict {
  const proven =
    flip !== undefined && flip.controlExact && (flip.gap === undefined || flip.gap > tau);
  if (proven || !shapeHolds) return 'diverged';
  if (!promptAgrees) return 'drift';
  return flip === undefined ? 'exact' : 'unstable';
}
