/** Takes a whole body into memory, up to a limit. */
import { brotliDecompressSync, gunzipSync, inflateSync } from 'node:zlib';
import type { BodyEnd, BodySink, Head, ReplyHeaders } from './exchange.ts';

/** How the body ended, or `overflow`: more than the limit came, and the connection was closed. */
export type CollectedEnd = BodyEnd | { readonly kind: 'overflow' };

/** A sink that calls `done` once, with at most `limit` bytes, after `patienceMs` at the latest. */
export function collect(
  head: Head,
  limit: number,
  patienceMs: number,
  done: (bytes: Buffer, end: CollectedEnd, atMs: number) => void,
): BodySink {
  const chunks: Uint8Array[] = [];
  let size = 0;
  head.endWithin(patienceMs);
  return {
    onBytes(bytes, atMs) {
      chunks.push(bytes.subarray(0, limit - size));
      size += bytes.length;
      if (size <= limit) return;
      head.cut();
      done(Buffer.concat(chunks), { kind: 'overflow' }, atMs);
    },
    onEnd(end, atMs) {
      done(Buffer.concat(chunks), end, atMs);
    },
  };
}

/** The first value of a header that may have been sent several times. */
export function firstOf(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value[0] : value;
}

/** The `content-encoding` in lower case; undefined when the body is not compressed. */
export function encodingOf(headers: ReplyHeaders): string | undefined {
  const encoding = String(headers['content-encoding'] ?? '')
    .trim()
    .toLowerCase();
  return encoding === '' || encoding === 'identity' ? undefined : encoding;
}

/**
 * Undoes gzip, deflate and br, which servers send although we ask for `identity`.
 * @throws Error of node:zlib when the body is damaged or larger than `limit` bytes, or an Error
 * that names any other encoding.
 */
export function decompress(bytes: Buffer, encoding: string | undefined, limit: number): Buffer {
  const options = { maxOutputLength: limit };
  switch (encoding) {
    case undefined:
      return bytes;
    case 'gzip':
    case 'x-gzip':
      return gunzipSync(bytes, options);
    case 'deflate':
      return inflateSync(bytes, options);
    case 'br':
      return brotliDecompressSync(bytes, options);
    default:
      throw new Error(`unknown content-encoding ${encoding}`);
  }
}
