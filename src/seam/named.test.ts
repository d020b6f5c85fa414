import { expect, test } from 'vitest';
import { EDITS } from './edits.ts';
import { strategiesNamed } from './named.ts';
import { OTHER_STRATEGIES } from './other-ways.ts';
import { STRATEGIES } from './strategy.ts';

const names = (given: readonly string[]): string[] =>
  strategiesNamed(given).map(({ name }) => name);

test('strategies are found by name, in the order asked for, with their edits', () => {
  const asked = ['token-ids', 'raw-text', 'reasoning-field+flags/start-over/newline-less'];
  expect(names(asked)).toEqual(asked);
  for (const { name } of STRATEGIES)
    for (const edit of EDITS) expect(names([`${name}/${edit.name}`])).toHaveLength(1);
});

test('without names all but the control', () => {
  expect(names([])).toEqual(
    STRATEGIES.map(({ name }) => name).filter((name) => name !== 'token-ids'),
  );
});

const needs = (name: string): unknown => strategiesNamed([name])[0]?.needs;

test('ways beside the streamed chat are found by name, and say what they need', () => {
  for (const { name } of OTHER_STRATEGIES) expect(names([name])).toEqual([name]);
  expect(needs('messages+flags')).toEqual(['messages']);
  expect(needs('responses/newline-less')).toEqual(['responses']);
  expect(needs('stream-replay')).toEqual(['stream-replay']);
  expect(needs('reasoning-field+flags/newline-less/whole')).toEqual(['whole']);
  expect(needs('reasoning-field')).toBeUndefined();
  for (const { name } of OTHER_STRATEGIES) expect(names([])).not.toContain(name);
});

test.each(['messages', 'stream-replay', 'raw-text', 'token-ids'])(
  'only a streamed chat can be asked for as a whole: %s',
  (name) => {
    expect(() => strategiesNamed([`${name}/whole`])).toThrow('cannot be asked for as a whole');
  },
);

test.each([
  ['raw', 'there is no strategy "raw"', 'raw-text'],
  ['raw-text/over', 'there is no edit "over"', 'start-over'],
  ['', 'there is no strategy ""', 'raw-text'],
])('an unknown name is wrong usage, and the known ones are told: %j', (name, message, hint) => {
  expect.assertions(1);
  try {
    strategiesNamed([name]);
  } catch (error) {
    expect(error).toMatchObject({
      code: 'usage',
      message,
      hint: expect.stringContaining(hint) as string,
    });
  }
});
