import fc from 'fast-check';
import { expect, test } from 'vitest';
import { FrameSplitter, type Frame } from './frames.ts';

const frame = fc
  .tuple(
    fc.constantFrom('\n', '\r\n', '\r'),
    fc.array(fc.stringMatching(/^[^\r\n]{1,12}$/u), { minLength: 1, maxLength: 3 }),
    fc.boolean(),
  )
  .map(([end, lines, comment]) => ({
    text: `${lines.map((line) => `${comment ? ':' : 'data: '}${line}${end}`).join('')}${end}`,
    data: comment ? undefined : lines.join('\n'),
  }));

function split(bytes: Buffer, cuts: readonly number[]): { frames: Frame[]; rest: Buffer } {
  const splitter = new FrameSplitter();
  const places = [...new Set([0, ...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length])];
  const sorted = places.toSorted((a, b) => a - b);
  const frames = sorted.flatMap((from, i) => splitter.push(bytes.subarray(from, sorted[i + 1])));
  return { frames, rest: splitter.rest() };
}

test('however a stream is cut into chunks, its frames are the same, byte for byte', () => {
  fc.assert(
    fc.property(
      fc.array(frame, { maxLength: 6 }),
      fc.stringMatching(/^[^\r\n]{0,8}$/u),
      fc.array(fc.nat(), { maxLength: 12 }),
      (sent, rest, cuts) => {
        const bytes = Buffer.from(sent.map(({ text }) => text).join('') + rest);
        const got = split(bytes, cuts);
        expect(Buffer.concat([...got.frames.map((one) => one.bytes), got.rest])).toEqual(bytes);
        expect(got.frames.map(({ data }) => data)).toEqual(sent.map(({ data }) => data));
        expect(got.rest.toString()).toBe(rest);
      },
    ),
  );
});
