/** What is kept of a stream beside its text: the last counts, and how it really ended. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Hearing, type Heard } from './hearing.ts';
import type { JsonObject } from './json.ts';
import type { HeardText } from './text-level-pieces.ts';

/** Hears events that say of themselves what is heard in them. */
function hearing(): { readonly said: HeardText[]; readonly heard: Hearing } {
  const said: HeardText[] = [];
  const heard = new Hearing(
    (event: JsonObject): Heard => event,
    (text) => said.push(text),
  );
  return { said, heard };
}

const counts = fc.record(
  {
    finish: fc.constantFrom('stop', 'length'),
    promptTokens: fc.nat(),
    cachedTokens: fc.nat(),
    generatedTokens: fc.nat(),
  },
  { requiredKeys: [] },
);

test('of each count and of the finish reason the last one that was told is kept', () => {
  fc.assert(
    fc.property(fc.array(counts), (events) => {
      const { said, heard } = hearing();
      for (const event of events) expect(heard.hear(JSON.stringify(event), undefined)).toBe(false);
      const last = (name: keyof (typeof events)[number]): unknown =>
        events.findLast((event) => event[name] !== undefined)?.[name];
      expect(heard.finish).toBe(last('finish'));
      expect(heard.usage).toEqual({
        promptTokens: last('promptTokens'),
        cachedTokens: last('cachedTokens'),
        generatedTokens: last('generatedTokens'),
      });
      expect(said).toHaveLength(events.length);
    }),
  );
});

describe('how a stream ended', () => {
  test.each(['not JSON', '[1]', '"text"', 'null'])('an event that is %s garbles it', (data) => {
    const { said, heard } = hearing();
    expect(heard.hear(data, undefined)).toBe(true);
    expect(heard.endOf({ kind: 'aborted' })).toEqual({
      kind: 'garbled',
      detail: `an event is not a JSON object: ${data}`,
    });
    expect(said).toEqual([]);
  });

  test('an error that the server reports is told with the event', () => {
    const { said, heard } = hearing();
    const data = '{"error":"overloaded","content":"a"}';
    expect(heard.hear(data, 'error')).toBe(true);
    const end = { kind: 'error-event', message: 'overloaded', body: data };
    expect(heard.endOf({ kind: 'aborted' })).toEqual(end);
    expect(said).toEqual([]);
  });

  test('a clean end is a good one only after the last event', () => {
    const { heard } = hearing();
    expect(heard.endOf({ kind: 'closed' })).toEqual({ kind: 'closed' });
    heard.hear('{"over":true}', undefined);
    heard.hear('{}', undefined);
    expect(heard.endOf({ kind: 'closed' })).toEqual({ kind: 'done' });
    expect(heard.endOf({ kind: 'reset', detail: 'gone' }).kind).toBe('reset');
  });
});
