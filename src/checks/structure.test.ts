import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ResponseFormat } from '../scenario/schema.ts';
import { checkStructure, isBeginning, schemaTrouble, startsAnew } from './structure.ts';

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
