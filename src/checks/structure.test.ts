import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ResponseFormat } from '../scenario/schema.ts';
import {
  checkStructure,
  isBeginning,
  schemaTrouble,
  startsAnew,
  structureShape,
} from './structure.ts';

const PERSON: ResponseFormat = {
  name: 'person',
  schema: {
    type: 'object',
    properties: { name: { type: 'string' }, age: { type: 'integer' } },
    required: ['name', 'age'],
    additionalProperties: false,
  },
};
const WHOLE = '{\n  "name": "Chloé \\" {",\n  "age": 42\n}';
const indents = fc.constantFrom(undefined, 1, 2, '\t');

test('every beginning of a JSON text is one, and no JSON text goes on after its end', () => {
  fc.assert(
    fc.property(fc.jsonValue(), indents, fc.nat(), (value, indent, at) => {
      const text = JSON.stringify(value, undefined, indent);
      expect(isBeginning(text.slice(0, at % (text.length + 1)))).toBe(true);
      expect(isBeginning(`${text} x`)).toBe(false);
      expect(isBeginning(`${text} {}`)).toBe(false);
    }),
  );
});

test('a beginning that is not an end can be told from a text that cannot become JSON', () => {
  for (const text of [
    '{"a" 1',
    '{1',
    '[1,]',
    '{,',
    '[,',
    '{"a":}',
    '[}',
    '{]',
    'tru}',
    '"\n',
    '01 ',
  ])
    expect([text, isBeginning(text)]).toEqual([text, false]);
  for (const text of [
    '',
    ' ',
    '{',
    '{ }',
    '[]',
    '[1, {"a": [',
    '"\\u12',
    '"\\',
    '-',
    'tr',
    '1e',
    '0.',
  ])
    expect([text, isBeginning(text)]).toEqual([text, true]);
});

test('a value cut anywhere and gone on with fits; begun again anywhere it does not', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: WHOLE.length - 1 }), (at) => {
      const held = WHOLE.slice(0, at);
      expect(checkStructure(PERSON, held, WHOLE.slice(at)).problem).toBeUndefined();
      expect(checkStructure(PERSON, held, WHOLE).problem).toMatch(/started-anew|no-value/);
    }),
  );
});

describe('begun again', () => {
  test('between keys and values, also when only its first piece was read', () => {
    expect(startsAnew('{"name": "Bo", "age":', ' {"na')).toBe(false);
    expect(startsAnew('{"name": "Bo", ', '{"na')).toBe(true);
    expect(checkStructure(PERSON, '{"name": "Bo"', '{"name": "Bo", "age": 1}').problem).toBe(
      'started-anew',
    );
  });
  test('not where a value of the same kind is due', () => {
    expect(startsAnew('[', '[1]]')).toBe(false);
    expect(startsAnew('{"a": ', '{"b": 1}}')).toBe(false);
  });
  test('inside a string only once it is clear, since a string may hold anything', () => {
    expect(startsAnew('{"a": "', '{')).toBe(false);
    expect(startsAnew('{"a": "', '{"a": 1')).toBe(true);
  });
});

test('a whole value that does not fit says where', () => {
  expect(checkStructure(PERSON, '{"name": "Bo", ', '"age": "4"}')).toMatchObject({
    problem: 'misfit',
    detail: expect.stringMatching(/^age: /) as string,
  });
  expect(checkStructure(PERSON, '', '{"name": "Bo"}').problem).toBe('misfit');
});

test('a schema that cannot be used is named', () => {
  expect(schemaTrouble(PERSON.schema)).toBeUndefined();
  expect(schemaTrouble({ type: 'strange' })).toEqual(expect.any(String));
});

describe('the shape of a resumed stream', () => {
  const scenario = { responseFormat: PERSON };
  const held = '{\n  "name": "Bo",\n  "age":';
  const whole = `${held} 42\n}`;
  const shape = (added: string, finish?: string): string | undefined =>
    structureShape(scenario, held, whole, added, finish)?.problem;

  test('is good while it goes on, wherever it is cut', () => {
    for (let size = 0; size <= 5; size++) expect(shape(' 42\n}'.slice(0, size))).toBeUndefined();
    expect(shape(' 42\n}', 'stop')).toBeUndefined();
  });
  test('shows the value that is begun again, where another value could stand too', () => {
    expect(shape('{\n  "name": "Bo"')).toBe('json-restarted');
    expect(shape(' {"name":   "B')).toBe('json-restarted');
    expect(shape(whole, 'stop')).toBe('json-restarted');
  });
  test('shows a value that does not fit, once the answer is over', () => {
    expect(shape(' "old"}')).toBeUndefined();
    expect(shape(' "old"}', 'stop')).toBe('json-broken');
    expect(shape(' 43}', 'stop')).toBeUndefined();
  });
  test('is not looked at without a response format, nor before anything is held', () => {
    expect(structureShape({}, held, whole, whole, 'stop')).toBeUndefined();
    expect(structureShape(scenario, '', whole, '{}', 'stop')).toBeUndefined();
  });
});
