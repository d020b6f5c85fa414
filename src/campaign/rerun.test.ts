import { describe, expect, test } from 'vitest';
import type { JudgedSeam } from '../checks/seam.ts';
import type { ShapeProblem } from '../checks/shape.ts';
import type { Answer } from '../dialects/dialect.ts';
import type { StreamEnd } from '../wire/end.ts';
import { believed, broke } from './rerun.ts';

const DONE: StreamEnd = { kind: 'done' };
const CLOSED: StreamEnd = { kind: 'closed' };

/** The parts of a judged seam that matter here. */
function judged(part: Partial<JudgedSeam>): JudgedSeam {
  return { verdict: 'diverged', check: 'shape', reruns: 0, ...part } as JudgedSeam;
}

function shaped(problem: ShapeProblem, actual: string): JudgedSeam {
  return judged({ shape: { problem, actual } as NonNullable<JudgedSeam['shape']> });
}

function torn(end: StreamEnd): JudgedSeam {
  return judged({ check: 'transport', answer: { end } as Answer });
}

async function run(...seams: readonly JudgedSeam[]): Promise<{ seam: JudgedSeam; runs: number }> {
  let runs = 0;
  const seam = await believed((time) => {
    expect(time).toBe(++runs);
    return Promise.resolve(seams[time - 1] ?? judged({ verdict: 'exact' }));
  });
  return { seam, runs };
}

describe('believed', () => {
  test.each(['exact', 'drift', 'rejected', 'unstable', 'error'] as const)(
    '%s is not run again',
    async (verdict) => {
      const { seam, runs } = await run(judged({ verdict }));
      expect(runs).toBe(1);
      expect(seam).toMatchObject({ verdict, reruns: 0 });
    },
  );

  test('the same failure twice is a failure', async () => {
    const { seam, runs } = await run(shaped('echo', 'a'), shaped('echo', 'a'));
    expect(runs).toBe(2);
    expect(seam).toMatchObject({ verdict: 'diverged', reruns: 1 });
  });

  test.each([
    ['another text', shaped('other', 'a'), shaped('other', 'b')],
    ['another problem', shaped('other', 'a'), shaped('echo', 'a')],
    ['no failure', shaped('other', 'a'), judged({ verdict: 'exact' })],
  ])('%s the second time is unstable', async (_, first, second) => {
    expect((await run(first, second)).seam).toMatchObject({ verdict: 'unstable', reruns: 1 });
  });

  test('a stream that broke only once is trouble', async () => {
    const { seam } = await run(torn(CLOSED), judged({ verdict: 'exact' }));
    expect(seam).toMatchObject({ verdict: 'error', check: undefined, reruns: 1 });
    expect(seam.error).toContain('the resumed stream');
  });

  test('a stream that breaks every time is a failure', async () => {
    const { seam } = await run(torn(CLOSED), torn(CLOSED));
    expect(seam).toMatchObject({ verdict: 'diverged', check: 'transport', reruns: 1 });
  });
});

test('a stream that closes is broken unless it said why it ended', () => {
  expect(broke({ end: CLOSED, finish: undefined })).toBe(true);
  expect(broke({ end: CLOSED, finish: 'stop' })).toBe(false);
  expect(broke({ end: DONE, finish: undefined })).toBe(false);
});
