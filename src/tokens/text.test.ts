import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeWhole, showPiece, visible } from './text.ts';
import { characterLength } from './utf8.ts';

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);

describe('decodeWhole', () => {
  test.each([
    ['', '', 0],
    ['a', 'a', 0],
    ['\uFEFFa', '\uFEFFa', 0],
  ])('%j', (text, decoded, held) => {
    expect(decodeWhole(bytesOf(text))).toEqual({ text: decoded, held });
  });

  test('every cut of a text holds back less than a character', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 8 }), (text) => {
        const bytes = bytesOf(text);
        for (let k = 0; k <= bytes.length; k++) {
          const whole = decodeWhole(bytes.subarray(0, k));
          expect(text.startsWith(whole.text)).toBe(true);
          expect(bytesOf(whole.text).length + whole.held).toBe(k);
        }
      }),
    );
  });

  test('any bytes: what is held is a beginning, the rest is what TextDecoder says', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 12 }), (bytes) => {
        const { text, held } = decodeWhole(bytes);
        const streaming = new TextDecoder('utf-8', { ignoreBOM: true });
        expect(text).toBe(streaming.decode(bytes, { stream: true }));
        expect(held > 0).toBe(streaming.decode() !== '');
      }),
      { numRuns: 2000 },
    );
  });

  test('characterLength knows overlong forms, surrogates and the end of Unicode', () => {
    for (const bad of [
      'C0 80',
      'E0 80 80',
      'ED A0 80',
      'F0 80 80 80',
      'F4 90 80 80',
      'F5 80',
      'FF',
    ])
      expect(characterLength(Buffer.from(bad.replaceAll(' ', ''), 'hex'), 0)).toBe(0);
    expect(characterLength(Uint8Array.of(0xe2, 0x82), 0)).toBe(-2);
  });
});

describe('visible', () => {
  test.each([
    ['Done.\n\n  x', 'Done.⏎⏎␠␠x'],
    [' a b ', '␠a b␠'],
    ['a\t\r\n\u00A0b', 'a⇥␍⏎⍽b'],
    ['x\u200Dy\uFEFF\u2003', 'x‹U+200D›y‹U+FEFF›‹U+2003›'],
    ['\u001B[31mred\u0007', '‹U+001B›[31mred‹U+0007›'],
    ['\u202Eevil\u2066', '‹U+202E›evil‹U+2066›'],
    ['\u0301e\u0301', '‹U+0301›e\u0301'],
    ['\uD800', '‹U+D800›'],
    ['␠ ‹', '‹U+2420› ‹U+2039›'],
    ['京都 🎉', '京都 🎉'],
  ])('%j', (text, shown) => {
    expect(visible(text)).toBe(shown);
  });

  test('single spaces as dots', () => {
    expect(visible('a b  c·', { dots: true })).toBe('a·b␠␠c‹U+00B7›');
  });

  test('nothing hidden gets through, and no two texts look the same', () => {
    const unit = fc.oneof(
      fc.constantFrom(
        ' ',
        '\n',
        '\t',
        '‹',
        '›',
        '␠',
        'U',
        '+',
        '0',
        'A',
        '·',
        '\u001B',
        '\u202E',
        '\u0301',
      ),
      fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }),
    );
    const text = fc.array(unit, { maxLength: 10 }).map((units) => units.join(''));
    fc.assert(
      fc.property(text, text, fc.boolean(), (one, other, dots) => {
        const shown = visible(one, { dots });
        expect(shown).not.toMatch(/[\p{C}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/u);
        expect(shown === visible(other, { dots })).toBe(one === other);
      }),
      { numRuns: 2000 },
    );
  });
});

test('showPiece', () => {
  expect(showPiece(bytesOf(' the'))).toBe('␠the');
  expect(showPiece(Uint8Array.of(0xe2, 0x82))).toBe('‹E2 82›');
  expect(showPiece(Uint8Array.of(0x20, 0x61, 0xff, 0xac, 0x0a))).toBe('␠a‹FF AC›⏎');
  expect(showPiece(new Uint8Array(0))).toBe('');
});
