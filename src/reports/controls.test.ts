import { expect, test } from 'vitest';
import { controlWords, tauWords } from './controls.ts';
import { example } from './hostile.test-help.ts';

const { plan } = example('llama.cpp-b11549');

test('controls are told with how many there were', () => {
  const controls = {
    repeats: 4,
    repeatDisagreements: 1,
    tokenControl: { tried: 8, exact: 7 },
    tau: 0.25,
    realCuts: { tried: 3, asDerived: 2 },
  };
  expect(controlWords({ controls, plan })).toEqual([
    'repeat 3/4 identical',
    'token ids 7/8 exact',
    'τ 0.2500 nat',
    'real cuts 2/3 as derived',
  ]);
});

test('a control that was not made is not one that held', () => {
  const controls = {
    repeats: 0,
    repeatDisagreements: 0,
    tokenControl: { tried: 0, exact: 0 },
    tau: 0,
    realCuts: { tried: 0, asDerived: 0 },
  };
  expect(controlWords({ controls, plan })).toEqual([
    'repeat not made',
    'token ids not made',
    'τ not measured',
    'real cuts not made',
  ]);
});

test('prompts alone have no noise floor, also where some scenarios had to be repeated', () => {
  const { controls } = example('llama.cpp-b11549');
  expect(controls.repeats).toBeGreaterThan(0);
  expect(tauWords({ controls, plan })).toMatch(/ nat$/);
  expect(tauWords({ controls, plan: { ...plan, compare: 0 } })).toBe('not measured');
});
