/** The parser's faults: the tokens of a resumed stream are right, what is told of them is not. */
import type { ParserFault } from './fault-catalogue.ts';
import type { Piece } from './parse.ts';
import type { Released } from './text-out.ts';

/** What is wrong with the message of one resumed stream. */
export class MessageFaults {
  readonly #strikes: (fault: ParserFault) => boolean;
  /** The pieces that the client already holds. */
  readonly #before: readonly Piece[];
  readonly #once = new Set<ParserFault>();

  /** @param before what the client already holds, in pieces */
  constructor(strikes: (fault: ParserFault) => boolean, before: readonly Piece[]) {
    this.#strikes = strikes;
    this.#before = before;
  }

  /** True for a stream that sends nothing of what it generates. */
  get mute(): boolean {
    return this.#strikes('deltas-lost');
  }

  /** The text that a token lets out. */
  text({ text, split }: Released): string {
    if (split === undefined) return text;
    const character = String.fromCodePoint(text.codePointAt(split) ?? 0);
    const rest = text.slice(split + character.length);
    if (this.#first('partial-char-dropped')) return text.slice(0, split) + rest;
    if (this.#first('partial-char-broken')) return `${text.slice(0, split)}\uFFFD${rest}`;
    return text;
  }

  /** The pieces of the message that are sent. */
  pieces(pieces: readonly Piece[]): Piece[] {
    return pieces
      .flatMap((piece) => this.#text(piece))
      .flatMap((piece) => this.#call(piece))
      .map((piece) => this.#label(piece));
  }

  #text(piece: Piece): Piece[] {
    if (piece.kind !== 'reasoning' && piece.kind !== 'content') return [piece];
    let { text } = piece;
    if (this.#strikes('leading-space-swallowed') && !this.#once.has('leading-space-swallowed')) {
      text = text.trimStart();
      if (text === '') return [];
      this.#once.add('leading-space-swallowed');
    }
    const sent = [{ ...piece, text }];
    if (/\p{L}{2,}/u.test(text)) {
      if (this.#first('first-text-lost')) sent.length = 0;
      else if (this.#first('text-sent-twice')) sent.push({ ...piece, text });
    }
    if (this.#first('markup-leaked')) sent.unshift({ ...piece, text: '<think>\n' });
    return sent;
  }

  #call(piece: Piece): Piece[] {
    const open = this.#before.findLast((held) => held.kind === 'call');
    if (piece.kind !== 'arguments' || open?.kind !== 'call' || open.index !== piece.index)
      return [piece];
    if (this.#strikes('tool-call-lost')) return [];
    if (!this.#first('tool-call-restarted')) return [piece];
    const held = this.#before.filter(
      (before) => before.kind === 'arguments' && before.index === piece.index,
    );
    return [open, ...held, piece];
  }

  #label(piece: Piece): Piece {
    if (piece.kind === 'content' && this.#strikes('content-as-reasoning'))
      return { ...piece, kind: 'reasoning' };
    if (piece.kind === 'reasoning' && this.#strikes('reasoning-as-content'))
      return { ...piece, kind: 'content' };
    return piece;
  }

  /** True the first time that a fault that strikes can do its harm. */
  #first(fault: ParserFault): boolean {
    if (this.#once.has(fault) || !this.#strikes(fault)) return false;
    this.#once.add(fault);
    return true;
  }
}
