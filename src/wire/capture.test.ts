import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { Capture } from './capture.ts';

/** Bytes as one read brings them: parts of one buffer, with what frames them between. */
const READ = fc.array(
  fc.record({
    frame: fc.nat(3),
    bytes: fc.uint8Array({ minLength: 1, maxLength: 5 }),
  }),
  { minLength: 1, maxLength: 4 },
);

test('every byte is kept in order, and what one read brought is one piece', () => {
  fc.assert(
    fc.property(fc.array(READ, { maxLength: 6 }), (reads) => {
      const capture = new Capture();
      for (const [atMs, parts] of reads.entries()) {
        const laid = parts.flatMap(({ frame, bytes }) => [...new Uint8Array(frame), ...bytes]);
        const buffer = Uint8Array.from(laid);
        let at = 0;
        for (const { frame, bytes } of parts) {
          at += frame;
          capture.add(buffer.subarray(at, at + bytes.length), atMs);
          at += bytes.length;
        }
      }
      expect(capture.chunks().map(({ atMs, bytes }) => ({ atMs, bytes: [...bytes] }))).toEqual(
        reads.map((parts, atMs) => ({ atMs, bytes: parts.flatMap(({ bytes }) => [...bytes]) })),
      );
    }),
  );
});

test('two reads into one buffer are two pieces, each with its time', () => {
  const buffer = Uint8Array.of(1, 2, 3);
  const capture = new Capture();
  capture.add(buffer.subarray(0, 1), 5);
  expect(capture.chunks()[0]?.bytes).toEqual(Buffer.of(1));
  capture.add(buffer.subarray(1, 2), 5);
  capture.add(buffer.subarray(2), 7);
  expect(capture.chunks().map(({ atMs, bytes }) => [atMs, ...bytes])).toEqual([
    [5, 1, 2],
    [7, 3],
  ]);
});
