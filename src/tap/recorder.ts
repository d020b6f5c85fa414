/** Keeps the beginning of a body as it passes. */
import type { RecordedBody } from './exchange.ts';
import type { Redactor } from './redact.ts';

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

  /** What was recorded. A secret that is split between chunks is hidden too, since bodies are redacted whole. */
  body(redactor: Redactor): RecordedBody {
    const bytes = Buffer.concat(this.#kept);
    const truncated = this.#bytes > this.#keptBytes;
    const text = textOf(bytes, truncated);
    return {
      bytes: this.#bytes,
      truncated,
      ...(text === undefined
        ? { text: bytes.toString('base64'), encoding: 'base64' }
        : { text: redactor.text(text), encoding: 'utf8' }),
    };
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
