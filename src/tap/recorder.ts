/** Keeps the beginning of a body as it passes. */
import { decompress } from '../wire/collect.ts';
import type { RecordedBody } from './exchange.ts';
import type { Redactor } from './redact.ts';

/** Bytes of a body that was compressed. */
const MOST_OPENED = 16 * 1024 * 1024;
/** Chunks whose times are kept. */
const MOST_CHUNKS = 4096;

export class BodyRecorder {
  readonly #limit: number;
  readonly #kept: Uint8Array[] = [];
  #keptBytes = 0;
  #bytes = 0;
  readonly chunks: [atMs: number, bytes: number][] = [];

  /** @param limit bytes kept at most */
  constructor(limit: number) {
    this.#limit = limit;
  }

  add(chunk: Uint8Array, atMs: number): void {
    this.#bytes += chunk.length;
    if (this.chunks.length < MOST_CHUNKS)
      this.chunks.push([Math.round(atMs * 100) / 100, chunk.length]);
    const room = this.#limit - this.#keptBytes;
    if (room <= 0) return;
    // A copy: a slice would keep the whole chunk in memory.
    const kept = new Uint8Array(chunk.subarray(0, room));
    this.#kept.push(kept);
    this.#keptBytes += kept.length;
  }

  /**
   * What was recorded. A secret that is split between chunks is hidden too, since bodies are redacted
   * whole. A compressed body is recorded as what it holds, or not at all where that cannot be seen.
   */
  body(redactor: Redactor, encoding?: string): RecordedBody {
    const whole = this.#bytes === this.#keptBytes;
    const kept = Buffer.concat(this.#kept);
    const bytes = encoding === undefined || kept.length === 0 ? kept : opened(kept, encoding);
    const truncated = !whole || bytes === undefined;
    if (bytes === undefined) return { bytes: this.#bytes, truncated, text: '', encoding: 'utf8' };
    const text = textOf(bytes, truncated);
    return {
      bytes: this.#bytes,
      truncated,
      ...(text === undefined
        ? { text: Buffer.from(redactor.bytes(bytes)).toString('base64'), encoding: 'base64' }
        : { text: redactor.text(text, truncated), encoding: 'utf8' }),
    };
  }
}

/** What is in a compressed body; undefined where it is damaged, cut off, too large or of a kind unknown. */
function opened(bytes: Buffer, encoding: string): Buffer | undefined {
  try {
    return decompress(bytes, encoding, MOST_OPENED);
  } catch {
    return undefined;
  }
}

/** The text, where the bytes are UTF-8; a character that the limit cut in two is left out. */
function textOf(bytes: Uint8Array, truncated: boolean): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes, {
      stream: truncated,
    });
  } catch {
    return undefined;
  }
}
