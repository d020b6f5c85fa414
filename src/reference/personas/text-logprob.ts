/** A token as servers tell it that tell no ids: its text, with the texts of its candidates. */
import type { Engine, Step } from '../engine.ts';
import type { Piece } from '../parse.ts';

/** @param piece what the token adds to the message */
export function textLogprob(
  { vocabulary }: Engine,
  { candidates }: Step,
  piece: Piece | undefined,
): object {
  const own = piece !== undefined && 'text' in piece ? piece.text : '';
  return {
    token: own,
    logprob: candidates[0]?.logprob ?? 0,
    bytes: [...Buffer.from(own)],
    top_logprobs: candidates.map(({ id, logprob }) => {
      const bytes = vocabulary.printed(id);
      return { token: Buffer.from(bytes).toString('utf8'), logprob, bytes: [...bytes] };
    }),
  };
}
