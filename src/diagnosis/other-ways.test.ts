import { describe, expect, test } from 'vitest';
import { unjudged } from '../campaign/judge.ts';
import type { JudgedSeam } from '../checks/seam.ts';
import type { ShapeProblem } from '../checks/shape.ts';
import { subjectOf, THINKING } from '../seam/fixtures.test-help.ts';
import { strategiesNamed } from '../seam/named.ts';
import type { Strategy } from '../seam/strategy.ts';
import { diagnose } from './diagnose.ts';
import { nameOtherWay } from './other-ways.ts';

function seamOf(needs: Strategy['needs'], parts: Partial<JudgedSeam>): JudgedSeam {
  const [strategy] = strategiesNamed(['reasoning-field']);
  if (strategy === undefined) throw new Error('no strategy');
  const plan = {
    subject: subjectOf(THINKING),
    strategy: { ...strategy, ...(needs === undefined ? {} : { needs }) },
    k: 4,
    way: 'disconnect',
    resume: 'whole',
  } as const;
  return { ...unjudged(plan), verdict: 'diverged', check: 'shape', basis: ['shape'], ...parts };
}

function shapeOf(problem: ShapeProblem): Pick<JudgedSeam, 'shape'> {
  return { shape: { problem, field: 'content', expected: 'a', actual: 'b' } };
}

function refused(status: number, message = 'Not here'): Partial<JudgedSeam> {
  return { verdict: 'rejected', check: 'resume', refusal: { status, message } };
}

describe('a refusal', () => {
  test.each([404, 405, 501])(
    'HTTP %i says that there is no such API, or nothing to replay',
    (status) => {
      const route = seamOf(['responses'], refused(status));
      expect(diagnose(route)).toEqual({ cause: 'route-missing', detail: '' });
      const replay = seamOf(['stream-replay'], refused(status));
      expect(diagnose(replay)).toEqual({ cause: 'replay-missing', detail: '' });
    },
  );

  test.each([400, 403, 406, 500, 502])('HTTP %i is known by its words', (status) => {
    const seam = seamOf(['whole'], refused(status, 'roles must alternate'));
    expect(diagnose(seam).cause).toBe('roles-refused');
  });

  test('of a chat is none of another way', () => {
    expect(nameOtherWay(seamOf(undefined, refused(404)))).toBeUndefined();
    expect(nameOtherWay(seamOf([], refused(404)))).toBeUndefined();
    expect(diagnose(seamOf(undefined, refused(404)))).toEqual({
      cause: 'resume-refused',
      detail: 'Not here',
    });
  });
});

describe('a replay', () => {
  test('that differs is told with what is wrong', () => {
    expect(diagnose(seamOf(['stream-replay'], shapeOf('lost')))).toEqual({
      cause: 'replay-differs',
      detail: 'lost',
    });
    expect(diagnose(seamOf(['stream-replay'], { check: 'continuation' }))).toEqual({
      cause: 'replay-differs',
      detail: 'tokens',
    });
  });

  test('that breaks is a broken stream', () => {
    const seam = seamOf(['stream-replay'], { ...shapeOf('lost'), check: 'transport' });
    expect(nameOtherWay(seam)).toBeUndefined();
  });
});

describe('a whole answer', () => {
  test.each([
    ['echo', 'prefill-echoed'],
    ['content-as-reasoning', 'content-as-reasoning'],
    ['reasoning-as-content', 'reasoning-as-content'],
    ['finish', 'finish-dishonest'],
  ] as const)('whose only trouble is %s has the name of a stream’s', (problem, cause) => {
    expect(diagnose(seamOf(['whole'], shapeOf(problem)))).toEqual({ cause, detail: '' });
  });

  test('that is another message than the stream is told with how', () => {
    expect(diagnose(seamOf(['whole'], shapeOf('lost')))).toEqual({
      cause: 'whole-differs',
      detail: 'text-lost',
    });
  });

  test('with more evidence than its shape is judged as a chat, and so is a stream', () => {
    const basis = ['prompt', 'shape'] as const;
    expect(nameOtherWay(seamOf(['whole'], { ...shapeOf('lost'), basis }))).toBeUndefined();
    expect(nameOtherWay(seamOf(undefined, shapeOf('lost')))).toBeUndefined();
  });
});

test('a prompt known by its length alone is judged by it', () => {
  const promptCount = { agrees: false, base: 10, least: 14, most: 14, actual: 30 };
  const seam = seamOf(undefined, { promptCount, check: 'prompt' });
  expect(nameOtherWay(seam)).toEqual({ cause: 'prompt-count-differs', detail: 'more' });
  const { subject } = seam.plan;
  const counted = { ...subject.generation, counts: { prompt: 10, generated: 20 } };
  const plan = { ...seam.plan, subject: { ...subject, generation: counted } };
  expect(nameOtherWay({ ...seam, plan })).toBeUndefined();
});
