/** From a prompt to an answer, token by token, at the pace of the client: what every stream is made of. */
import type { Engine, GenerateOptions, Step } from '../engine.ts';
import type { Pace } from '../http.ts';
import type { Piece } from '../parse.ts';

/** One generated token with what it adds to the message. */
export interface Told {
  readonly step: Step;
  readonly pieces: readonly Piece[];
}

/** Reads raw text as pieces of a message: `MessageParser`, or a persona's own. */
export interface PieceReader {
  feed(text: string): readonly Piece[];
  /** What was held back; asked for once, with the last token. */
  end?(): readonly Piece[];
}

/** Takes everything for content. */
export const RAW: PieceReader = { feed: (text) => [{ kind: 'content', text }] };

/**
 * Generates from `ids`. Ends without a last step (`step.ended`) when the client has gone.
 *
 * @throws {ApiError} when the prompt does not fit the context, before anything is generated
 */
export async function* tell(
  engine: Engine,
  pace: Pace,
  ids: readonly number[],
  options: GenerateOptions,
  reader: PieceReader,
): AsyncGenerator<Told, void, undefined> {
  for (const step of engine.generate(ids, options)) {
    if (!(await pace.next())) return;
    const pieces = [...reader.feed(step.released.text)];
    if (step.ended !== undefined) pieces.push(...(reader.end?.() ?? []));
    yield { step, pieces };
  }
}

/** The texts of a whole message. */
export interface Message {
  readonly reasoning: string;
  readonly content: string;
  readonly calls: readonly { readonly name: string; readonly arguments: string }[];
}

/** Pieces put together. */
export function messageOf(pieces: Iterable<Piece>): Message {
  let [reasoning, content] = ['', ''];
  const calls: { name: string; arguments: string }[] = [];
  for (const piece of pieces) {
    if (piece.kind === 'reasoning') reasoning += piece.text;
    else if (piece.kind === 'content') content += piece.text;
    else {
      const call = (calls[piece.index] ??= { name: '', arguments: '' });
      if (piece.kind === 'call') {
        call.name = piece.name;
        call.arguments += piece.opens ?? '';
      } else call.arguments += piece.text;
    }
  }
  return { reasoning, content, calls: calls.filter((call) => call !== undefined) };
}
