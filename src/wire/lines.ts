import { isAscii } from 'node:buffer';

/** Text out of the bytes of an event stream, and what lies after its last blank line. */
export class LineText {
  readonly #decoder = new TextDecoder();
  #open: string[] = [];
  #openBytes = 0;
  #last = '\n';
  #afterReturn = false;
  /** True when the decoder has begun and holds nothing back. */
  #atCharacter = false;

  /** Bytes, about, since the last blank line. */
  get openBytes(): number {
    return this.#openBytes;
  }

  /**
   * The text of some bytes: UTF-8, a byte order mark dropped, and every line end (LF, CRLF, CR)
   * turned into LF. A CR ends its line at once, where eventsource-parser would hold the line back
   * until the next byte tells whether an LF follows.
   */
  push(bytes: Uint8Array): string {
    const text = this.#normalise(this.#decode(bytes));
    this.#openBytes += bytes.length;
    if (text === '') return text;
    const blank = text.lastIndexOf('\n\n');
    const start = blank >= 0 ? blank + 2 : this.#last === '\n' && text.startsWith('\n') ? 1 : 0;
    if (start > 0) {
      const rest = text.slice(start);
      this.#open = rest === '' ? [] : [rest];
      this.#openBytes = Buffer.byteLength(rest);
    } else this.#open.push(text);
    this.#last = text.at(-1) ?? '\n';
    return text;
  }

  /**
   * At the end of the body: what lies after the last blank line, without comments and
   * surrounding white space, and whether the body ends inside a character.
   */
  finish(): { readonly open: string; readonly splitCharacter: boolean } {
    const splitCharacter = this.#decoder.decode() !== '';
    const lines = this.#open.join('').split('\n');
    return {
      open: lines
        .filter((line) => !line.startsWith(':'))
        .join('\n')
        .trim(),
      splitCharacter,
    };
  }

  /** ASCII, which most streams are, is read as such: that costs a small part of what a decoder does. */
  #decode(bytes: Uint8Array): string {
    if (this.#atCharacter && isAscii(bytes))
      return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
    const last = bytes.at(-1);
    if (last !== undefined) this.#atCharacter = last <= 0x7f;
    return this.#decoder.decode(bytes, { stream: true });
  }

  #normalise(text: string): string {
    if (text === '') return text;
    const rest = this.#afterReturn && text.startsWith('\n') ? text.slice(1) : text;
    this.#afterReturn = text.endsWith('\r');
    return rest.includes('\r') ? rest.replaceAll(/\r\n?/g, '\n') : rest;
  }
}
