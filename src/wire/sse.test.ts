import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { StreamEnd } from './end.ts';
import { serve } from './loopback.test-help.ts';
import { EventReader } from './sse.ts';

interface Line {
  readonly kind: 'comment' | 'field' | 'blank' | 'done';
  readonly text: string;
  readonly end: string;
}
interface Model {
  readonly bytes: Buffer;
  /** What a body that stops after `length` bytes must give. */
  readonly at: (length: number) => { readonly data: string[]; readonly kind: StreamEnd['kind'] };
}
interface Event {
  readonly comments: readonly string[];
  readonly name: string | undefined;
  readonly space: boolean;
  readonly data: readonly string[];
}

const text: fc.Arbitrary<string> = fc
  .string({
    unit: fc.oneof(
      fc.constantFrom('é', '→', '日', '𝄞', '👩‍💻', '\uFEFF', ':', ' ', '{', '"'),
      fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }),
    ),
    maxLength: 8,
  })
  .map((value) => value.replaceAll(/[\r\n]/g, '·'));

const event: fc.Arbitrary<Event> = fc.record({
  comments: fc.array(text, { maxLength: 2 }),
  name: fc.constantFrom(undefined, undefined, 'message', 'delta'),
  space: fc.boolean(),
  data: fc.array(text, { minLength: 1, maxLength: 3 }),
});

/** A stream, with any mix of line ends, and what must be read of each beginning of it. */
const stream: fc.Arbitrary<Model> = fc
  .record({
    mark: fc.boolean(),
    events: fc.array(event, { maxLength: 4 }),
    done: fc.boolean(),
    // Nearly all servers write LF alone, which is read on another path.
    ends: fc.oneof(
      fc.constant(['\n']),
      fc.array(fc.constantFrom('\n', '\r\n', '\r'), { minLength: 1, maxLength: 7 }),
    ),
  })
  .map(({ mark, events, done, ends }) => {
    const texts: { readonly kind: Line['kind']; readonly text: string }[] = [];
    for (const { comments, name, space, data } of events) {
      for (const comment of comments) texts.push({ kind: 'comment', text: `:${comment}` });
      if (name !== undefined) texts.push({ kind: 'field', text: `event: ${name}` });
      for (const line of data) {
        const gap = space || line.startsWith(' ') ? ' ' : '';
        texts.push({ kind: 'field', text: `data:${gap}${line}` });
      }
      texts.push({ kind: 'blank', text: '' });
    }
    if (done) texts.push({ kind: 'done', text: 'data: [DONE]' }, { kind: 'blank', text: '' });
    return modelOf(mark ? '\uFEFF' : '', withEnds(texts, ends), events);
  });

function withEnds(
  texts: readonly { readonly kind: Line['kind']; readonly text: string }[],
  ends: readonly string[],
): Line[] {
  let last = '';
  return texts.map((line, index) => {
    const end = ends[index % ends.length] ?? '\n';
    // A CR that ends a line and the LF of an empty line would make one CRLF.
    last = line.text === '' && last === '\r' && end === '\n' ? '\r' : end;
    return { ...line, end: last };
  });
}

function modelOf(mark: string, lines: readonly Line[], events: readonly Event[]): Model {
  const bytes = Buffer.from(mark + lines.map((line) => line.text + line.end).join(''));
  const at = (length: number): ReturnType<Model['at']> => {
    let start = Buffer.byteLength(mark);
    let data = 0;
    let open = false;
    for (const line of lines) {
      if (length <= start) break;
      const textEnd = start + Buffer.byteLength(line.text);
      if (line.kind === 'done' && length >= textEnd) return { data: dataOf(data), kind: 'done' };
      if (line.kind === 'field' || line.kind === 'done') open = true;
      if (line.kind === 'blank' && length > start) {
        open = false;
        data += 1;
      }
      start = textEnd + Buffer.byteLength(line.end);
    }
    // The byte after the cut continues a character.
    const split = ((bytes[length] ?? 0) & 0xc0) === 0x80;
    return { data: dataOf(data), kind: open || split ? 'truncated' : 'closed' };
  };
  const dataOf = (count: number): string[] =>
    events.slice(0, count).map((one) => one.data.join('\n'));
  return { bytes, at };
}

function read(
  chunks: readonly Uint8Array[],
  contentType: string | undefined = 'text/event-stream',
  maxEventBytes = 1 << 20,
): { readonly data: string[]; readonly end: StreamEnd } {
  const data: string[] = [];
  const onEvent = (one: string): boolean => {
    data.push(one);
    return false;
  };
  const reader = new EventReader({ maxEventBytes, contentType, onEvent });
  for (const chunk of chunks) {
    const end = reader.push(chunk);
    if (end !== undefined) return { data, end };
  }
  return { data, end: reader.finish() };
}

/** Cuts bytes into pieces of the given sizes, over and over. */
function pieces(bytes: Uint8Array, sizes: readonly number[]): Uint8Array[] {
  const found: Uint8Array[] = [];
  for (let start = 0; start < bytes.length;) {
    const size = sizes[found.length % sizes.length] ?? 1;
    found.push(bytes.subarray(start, start + size));
    start += size;
  }
  return found;
}

const sizes = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 6 });

describe('events in any chunks', () => {
  test('are the same, and the end is right wherever the body stops', () => {
    fc.assert(
      fc.property(stream, sizes, ({ bytes, at }, cut) => {
        for (let length = 0; length <= bytes.length; length += 1) {
          const { data, end } = read(pieces(bytes.subarray(0, length), cut));
          expect({ length, data, kind: end.kind }).toEqual({ length, ...at(length) });
        }
      }),
    );
  });

  test('are the same over a real connection', async () => {
    let send: readonly Uint8Array[] = [];
    const { client } = await serve((_, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      const next = (index: number): void => {
        const chunk = send[index];
        if (chunk === undefined) response.end();
        else response.write(chunk, () => setImmediate(next, index + 1));
      };
      next(0);
    });
    await fc.assert(
      fc.asyncProperty(stream, sizes, fc.nat(400), async ({ bytes, at }, cut, stop) => {
        const length = Math.min(stop, bytes.length);
        send = pieces(bytes.subarray(0, length), cut);
        const data: string[] = [];
        const reply = await client.stream(
          '/',
          {},
          {
            signal: new AbortController().signal,
            onData: (one) => {
              data.push(one);
            },
          },
        );
        expect({ data, kind: reply.end.kind }).toEqual(at(length));
        expect(Buffer.concat(reply.capture.map((chunk) => chunk.bytes))).toEqual(
          bytes.subarray(0, length),
        );
      }),
      { numRuns: 50 },
    );
  });
});

const utf8 = (value: string): Uint8Array[] => [Buffer.from(value)];

describe('a last event without its blank line', () => {
  test.each([
    'data: {"a":1}',
    'data: {"a":1}\n',
    'data: {"a":1}\r\n',
    'data: 1\n\ndata: {"a":1}\n',
    'event: delta\n',
    'da',
    'data: [DON',
  ])('%j is truncated', (body) => {
    expect(read(utf8(body)).end.kind).toBe('truncated');
  });

  test.each(['data: [DONE]', 'data: [DONE]\n', 'data:[DONE]\r\n', 'data: [DONE]\n: ping'])(
    '%j is done, since nothing can be missing',
    (body) => {
      expect(read(utf8(body)).end).toEqual({ kind: 'done' });
    },
  );

  test('is quoted in the detail', () => {
    expect(read(utf8('data: 1\n\ndata: {"cho')).end).toEqual({
      kind: 'truncated',
      detail: String.raw`the body ends inside an event: "data: {\"cho"`,
    });
  });
});

describe('errors inside a stream', () => {
  test.each([
    ['data: {"error":{"message":"no room"}}\n\n', 'no room'],
    ['data: {"error":"no room"}\n\n', 'no room'],
    ['event: error\ndata: no room\n\n', 'no room'],
    ['data: {"object":"error","message":"no room","code":400}\n\n', 'no room'],
    ['error: {"code":500,"message":"no room"}\n\n', 'no room'],
    ['data: 1\n\n{"error":{"message":"no room"}}', 'no room'],
    ['data: 1\n\n{"error":{"message":"no room"}}\n', 'no room'],
    ['{\n  "error": {\n    "message": "no room"\n  }\n}\n', 'no room'],
    ['data: {"error":{"code":7}}\n\n', '{"error":{"code":7}}'],
  ])('%j', (body, message) => {
    const { end } = read(utf8(body));
    expect(end).toMatchObject({ kind: 'error-event', message });
  });

  test.each(['{"error":null}', '{"error":""}', '{"text":"\\"error\\""}', '{"a":{"error":{}}}'])(
    '%s is no error',
    (data) => {
      expect(read(utf8(`data: ${data}\n\n`))).toEqual({ data: [data], end: { kind: 'closed' } });
    },
  );
});

describe('a body that is no event stream', () => {
  test.each([
    ['<html>sorry</html>', 'text/html', 'no event stream (text/html): "<html>sorry</html>"'],
    [
      '{"a":1}',
      'application/json',
      String.raw`one JSON value, no event stream (application/json): "{\"a\":1}"`,
    ],
    ['{"a":1}\n{"a":2}\n', 'application/x-ndjson', 'no event stream (application/x-ndjson)'],
    ['hello', undefined, 'no event stream (no content type): "hello"'],
    ['', 'application/json', 'an empty body (application/json)'],
  ])('%j', (body, type, detail) => {
    const reader = new EventReader({ maxEventBytes: 99, contentType: type, onEvent: () => false });
    for (const bytes of utf8(body)) reader.push(bytes);
    expect(reader.finish()).toEqual({ kind: 'garbled', detail: expect.stringContaining(detail) });
  });

  test('is given up when it is long', () => {
    const line = Buffer.from('lorem ipsum\n'.repeat(5000));
    const { end } = read(Array<Uint8Array>(1000).fill(line), 'text/plain', 1 << 30);
    expect(end.kind).toBe('garbled');
  });

  test('but events under another content type are read', () => {
    const { data, end } = read(utf8('data: 1\n\n'), 'application/json');
    expect({ data, end }).toEqual({ data: ['1'], end: { kind: 'closed' } });
  });

  test.each(['', ': ping\n\n', 'retry: 10\n\n'])('%j is a stream without events', (body) => {
    expect(read(utf8(body)).end).toEqual({ kind: 'closed' });
  });
});

test('an event that is too large is garbled, whole or in pieces', () => {
  const body = Buffer.from(`data: 1\n\ndata: ${'日'.repeat(50)}\n\n`);
  for (const size of [1, 7, body.length]) {
    expect(read(pieces(body, [size]), undefined, 100)).toEqual({
      data: ['1'],
      end: { kind: 'garbled', detail: 'an event larger than 100 bytes' },
    });
  }
});

test('bytes that are not UTF-8 become U+FFFD', () => {
  const { data } = read([Buffer.from([0x64, 0x61, 0x74, 0x61, 0x3a, 0xff, 0x0a, 0x0a])]);
  expect(data).toEqual(['\uFFFD']);
});

test('bytes that are not UTF-8 give the same text in any event of a stream', () => {
  const broken = fc
    .array(fc.oneof(fc.constantFrom(0xe2, 0x80, 0xf0, 0x9f, 0xc3, 0xed, 0xa0), fc.nat(255)), {
      maxLength: 12,
    })
    .map((bytes) => Buffer.from(bytes.filter((byte) => byte !== 0x0a && byte !== 0x0d)));
  fc.assert(
    fc.property(fc.array(broken, { minLength: 2, maxLength: 4 }), (events) => {
      const data: string[] = [];
      const reader = new EventReader({
        maxEventBytes: 1000,
        contentType: 'text/event-stream',
        onEvent: (heard) => data.push(heard) === 0,
      });
      for (const piece of events)
        reader.push(Buffer.concat([Buffer.from('data: <'), piece, Buffer.from('>\n\n')]));
      const decoded = events.map((piece) => `<${new TextDecoder().decode(piece)}>`);
      // A decoder drops a mark at its very start only.
      expect(data.map((one) => one.replaceAll('\uFEFF', ''))).toEqual(
        decoded.map((one) => one.replaceAll('\uFEFF', '')),
      );
    }),
    { numRuns: 1000 },
  );
});
