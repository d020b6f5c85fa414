import { describe, expect, test } from 'vitest';
import { SeamstressError } from '../errors.ts';
import { FAULTS, parseFault, Plan } from './faults.ts';

describe('parseFault', () => {
  test.each(Object.keys(FAULTS))('%s', (name) => {
    expect(parseFault(name)).toEqual({ name, rate: 1 });
    expect(parseFault(`${name}@0.25`)).toEqual({ name, rate: 0.25 });
  });

  test('an unknown name is answered with the nearest ones', () => {
    expect(hintOf('reasoning-lots')).toBe('Did you mean reasoning-lost?');
    expect(hintOf('toString')).toContain('prefill-dropped, prefill-as-user');
  });

  test.each(['retokenize@', 'retokenize@2', 'retokenize@-0.1', 'retokenize@x', 'retokenize@1@1'])(
    'a wrong rate: %s',
    (text) => {
      expect(hintOf(text)).toContain('retokenize@0.25');
    },
  );
});

test('a fault that was not planted never strikes, one with rate 0 neither', () => {
  const plan = new Plan([{ name: 'retokenize', rate: 0 }], 0);
  expect(plan.strikes('retokenize', 'a') || plan.strikes('turn-closed', 'a')).toBe(false);
  expect(plan.planted('retokenize')).toBe(false);
});

function hintOf(text: string): string | undefined {
  try {
    parseFault(text);
  } catch (error) {
    if (error instanceof SeamstressError) return error.hint;
  }
  throw new Error(`${text} was accepted`);
}
