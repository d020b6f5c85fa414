/** One thing that a run needs or profits from. */
export interface Diagnosis {
  readonly what: string;
  /** `missing` keeps something from working, `warning` only may. */
  readonly status: 'ok' | 'missing' | 'warning';
  /** What is there, or why it is not, on one line. */
  readonly found: string;
  /** What to do about it. */
  readonly fix?: string;
}
