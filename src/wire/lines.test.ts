import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { LineText } from './lines.ts';

/** Bytes of a stream: text, line ends of every kind, byte order marks, and what is not UTF-8. */
const bodies = fc
  .array(
    fc.oneof(
      fc
        .constantFrom('data: a', '\n', '\r\n', '\r', '\n\n', 'é', '€', '🍌', '\uFEFF')
        .map((text) => Buffer.from(text)),
      fc.uint8Array({ minLength: 1, maxLength: 3 }).map((bytes) => Buffer.from(bytes)),
    ),
    { maxLength: 24 },
  )
  .map((parts) => Buffer.concat(parts));

test('however the bytes are divided, the text is what a decoder makes of all of them', () => {
  fc.assert(
    fc.property(
      bodies,
      fc.array(fc.integer({ min: 0, max: 9 }), { maxLength: 40 }),
      (body, sizes) => {
        const text = new LineText();
        let read = '';
        let at = 0;
        for (const size of sizes) {
          read += text.push(body.subarray(at, at + size));
          at = Math.min(body.length, at + size);
        }
        read += text.push(body.subarray(at));
        const decoder = new TextDecoder();
        const whole = decoder.decode(body, { stream: true });
        expect(read).toBe(whole.replaceAll(/\r\n?/g, '\n'));
        expect(text.finish().splitCharacter).toBe(decoder.decode() !== '');
      },
    ),
    { numRuns: 2000 },
  );
});

test('a byte order mark is one only where the body begins', () => {
  const text = new LineText();
  const read = ['\uFEFFdata: a', 'data: b', '\uFEFFdata: c'].map((piece) =>
    text.push(Buffer.from(piece)),
  );
  expect(read).toEqual(['data: a', 'data: b', '\uFEFFdata: c']);
});
