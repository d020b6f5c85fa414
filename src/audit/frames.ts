/** A stream's bytes as its frames: what a proxy hands on whole, and where it may cut. */
import { asString } from '../dialects/json.ts';

/** One event of a stream with its own bytes, the blank line at its end included. */
export interface Frame {
  readonly bytes: Buffer;
  /** The data lines joined by line breaks; undefined for a comment. */
  readonly data: string | undefined;
}

const ENDS = ['\n\n', '\r\n\r\n', '\r\r'] as const;

/** Collects bytes and gives them back as frames, every byte once and in order. */
export class FrameSplitter {
  #held: Buffer = Buffer.alloc(0);

  /** The frames that are whole now. */
  push(bytes: Uint8Array): Frame[] {
    this.#held = Buffer.concat([this.#held, bytes]);
    const frames: Frame[] = [];
    for (let end = this.#end(); end !== undefined; end = this.#end()) {
      frames.push(frameOf(this.#held.subarray(0, end)));
      this.#held = this.#held.subarray(end);
    }
    return frames;
  }

  /** What is left when the stream has ended; empty when it ended between two frames. */
  rest(): Buffer {
    const rest = this.#held;
    this.#held = Buffer.alloc(0);
    return rest;
  }

  /** Just after the first blank line. */
  #end(): number | undefined {
    const found = ENDS.flatMap((end) => {
      const at = this.#held.indexOf(end);
      return at < 0 ? [] : [at + end.length];
    });
    return found.length === 0 ? undefined : Math.min(...found);
  }
}

function frameOf(bytes: Buffer): Frame {
  const data = bytes
    .toString('utf8')
    .split(/\r\n|\n|\r/)
    .flatMap((line) => {
      const match = /^data:\s?(.*)$/s.exec(line);
      return match === null ? [] : [asString(match[1]) ?? ''];
    });
  return { bytes, data: data.length === 0 ? undefined : data.join('\n') };
}
