/** UTF-8, character by character. */

/**
 * Length of the character that starts at `at`: 1 to 4 when it is whole, 0 when the bytes there
 * are no character, and minus the number of bytes seen when the text ends inside one.
 */
export function characterLength(bytes: Uint8Array, at: number): number {
  const lead = bytes[at] ?? 0;
  if (lead < 0x80) return 1;
  const length =
    lead >= 0xc2 && lead < 0xe0
      ? 2
      : lead >= 0xe0 && lead < 0xf0
        ? 3
        : lead >= 0xf0 && lead < 0xf5
          ? 4
          : 0;
  for (let i = 1; i < length; i++) {
    const byte = bytes[at + i];
    if (byte === undefined) return -i;
    // The second byte rules out overlong forms, surrogates and what lies beyond U+10FFFF.
    const low = i > 1 ? 0x80 : lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80;
    const high = i > 1 ? 0xbf : lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf;
    if (byte < low || byte > high) return 0;
  }
  return length;
}

const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

/** Decodes; a byte order mark stays, broken parts become U+FFFD. */
export function decodeUtf8(bytes: Uint8Array): string {
  return decoder.decode(bytes);
}

/** Parts of `bytes` that are text, and runs that are not. */
export function* splitUtf8(bytes: Uint8Array): Generator<{ bytes: Uint8Array; valid: boolean }> {
  let start = 0;
  let valid = true;
  for (let at = 0; at < bytes.length;) {
    const length = characterLength(bytes, at);
    if (length > 0 !== valid) {
      if (at > start) yield { bytes: bytes.subarray(start, at), valid };
      [start, valid] = [at, !valid];
    }
    at += Math.max(1, length);
  }
  if (start < bytes.length) yield { bytes: bytes.subarray(start), valid };
}
