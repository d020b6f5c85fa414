import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { serve } from './loopback.test-help.ts';
import { LineReader } from './ndjson.ts';

/** Reads a body that arrives in chunks of these sizes. */
function read(body: Uint8Array, sizes: readonly number[], maxEventBytes = 1_000_000) {
  const lines: string[] = [];
  const reader = new LineReader({
    maxEventBytes,
    onEvent: (data) => {
      lines.push(data);
      return false;
    },
  });
  let at = 0;
  for (const size of [...sizes, body.length]) {
    const end = reader.push(body.subarray(at, at + size));
    if (end !== undefined) return { lines, end };
    at += size;
  }
  return { lines, end: reader.finish() };
}

describe('lines of JSON', () => {
  test('are the same, however they are cut into chunks', () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ text: fc.string({ unit: 'grapheme' }) })),
        fc.array(fc.integer({ min: 1, max: 9 })),
        fc.constantFrom('\n', '\r\n', '\n\n'),
        fc.boolean(),
        (values, sizes, lineEnd, lastEnds) => {
          const text = values.map((value) => JSON.stringify(value)).join(lineEnd);
          const body = Buffer.from(text + (lastEnds ? lineEnd : ''));
          const { lines, end } = read(body, sizes);
          expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual(values);
          expect(end).toEqual({ kind: 'closed' });
        },
      ),
    );
  });

  test.each([
    ['{"a":1}\n{"b"', { kind: 'truncated' }],
    [
      '{"a":1}\n{"error":"out of memory"}\n{"a":2}\n',
      { kind: 'error-event', message: 'out of memory' },
    ],
    ['{"a":1}\n<html>\n', { kind: 'garbled' }],
  ])('%j', (body, end) => {
    const answer = read(Buffer.from(body), []);
    expect(answer.lines).toEqual(['{"a":1}']);
    expect(answer.end).toMatchObject(end);
  });

  test('a character that is cut off, and a line without an end', () => {
    expect(read(Buffer.from('{"a":"é').subarray(0, -1), []).end).toMatchObject({
      kind: 'truncated',
    });
    expect(read(Buffer.from('x'.repeat(50)), [10, 10, 10], 20).end).toMatchObject({
      kind: 'garbled',
    });
  });
});

test('over HTTP, stopped by the reader', async () => {
  const { client } = await serve((_, response) => {
    response.writeHead(200, { 'content-type': 'application/x-ndjson' });
    response.write('{"n":1}\n{"n":2}\n{"n":3}\n');
  });
  const seen: string[] = [];
  const reply = await client.stream(
    '/api/chat',
    {},
    {
      signal: new AbortController().signal,
      framing: 'ndjson',
      onData: (data) => {
        seen.push(data);
        return seen.length === 2;
      },
    },
  );
  expect(seen).toEqual(['{"n":1}', '{"n":2}']);
  expect(reply.end).toEqual({ kind: 'aborted' });
});
