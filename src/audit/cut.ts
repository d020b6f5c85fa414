/** The place of the cut: decided frame by frame, from nothing but what went by. */
import type { Delivered, Piece } from './delivered.ts';
import type { Place } from './plan.ts';

/** How far a text may run past `after` in search of whitespace, in characters. */
const WINDOW = 48;

/**
 * True when the stream is to be cut before this piece.
 *
 * In a text the cut falls behind `after` characters, at the next whitespace, since that is what
 * clients lose; where there is none nearby, or the phase ends before it, it falls there.
 *
 * @param given what went to the client so far
 * @param next what would go to it now
 * @param after characters of the phase that the client gets at least
 */
export function cutsBefore(place: Place, given: Delivered, next: Piece, after: number): boolean {
  const ends = next.finish !== undefined || next.last === true;
  const spoken = next.content !== undefined || next.calls !== undefined;
  switch (place) {
    case 'start':
      return true;
    case 'thought':
      return given.reasoning !== '' && (spoken || ends || reached(given.reasoning, after));
    case 'after-thought':
      return given.reasoning !== '' && (spoken || ends);
    case 'content':
      return (
        given.content !== '' && (next.calls !== undefined || ends || reached(given.content, after))
      );
    case 'tool-call': {
      const open = given.calls.at(-1);
      return open !== undefined && open.arguments.length >= Math.min(after, 8);
    }
    case 'end':
      return next.last === true;
  }
}

function reached(text: string, after: number): boolean {
  if (text.length < after) return false;
  return /\s$/.test(text) || text.length >= after + WINDOW;
}
