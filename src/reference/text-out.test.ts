import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { TextOut } from './text-out.ts';

function run(
  pieces: readonly Uint8Array[],
  stops: readonly string[],
): { text: string; stop: string | undefined } {
  const out = new TextOut(stops);
  let text = '';
  for (const piece of pieces) {
    const released = out.add(piece);
    text += released.text;
    if (released.stop !== undefined) return { text, stop: released.stop };
  }
  return { text: text + out.end(), stop: undefined };
}

const cutText = fc
  .tuple(fc.string({ unit: 'binary' }), fc.array(fc.nat({ max: 40 })))
  .map(([text, at]) => {
    const bytes = Buffer.from(text);
    const cuts = [...new Set([0, ...at.map((i) => i % (bytes.length + 1)), bytes.length])].toSorted(
      (a, b) => a - b,
    );
    return {
      text: bytes.toString(),
      pieces: cuts.slice(1).map((end, i) => bytes.subarray(cuts[i], end)),
    };
  });

test('property: wherever the bytes are cut, the text comes out whole', () => {
  fc.assert(
    fc.property(cutText, ({ text, pieces }) => {
      expect(run(pieces, [])).toEqual({ text, stop: undefined });
    }),
  );
});

test('property: a stop string ends the text just before its first place', () => {
  fc.assert(
    fc.property(cutText, fc.string({ minLength: 1, maxLength: 2 }), ({ text, pieces }, stop) => {
      const at = text.indexOf(stop);
      expect(run(pieces, [stop])).toEqual(
        at < 0 ? { text, stop: undefined } : { text: text.slice(0, at), stop },
      );
    }),
  );
});

test('a character of several tokens is told where it stands', () => {
  const bytes = Buffer.from('a🪡b');
  const out = new TextOut([]);
  expect(out.add(bytes.subarray(0, 3))).toEqual({ text: '', incomplete: true });
  expect(out.add(bytes.subarray(3))).toEqual({ text: 'a🪡b', incomplete: false, split: 1 });
});
