/**
 * The part of a resumed stream that a client has already been given. It is swallowed, and has to
 * be the same text: otherwise the stream does not go on where the one before ended.
 */
import type { Delta, ToolCallDelta, View } from '../seam/generation.ts';

/** The texts of a delta. */
export type Texts = Omit<Delta, 'after'>;

/** What is wrong with a delta, in words; `undefined` texts: nothing of it is new. */
export type Passed =
  | { readonly kind: 'new'; readonly texts: Texts | undefined }
  | { readonly kind: 'broken'; readonly detail: string };

export class Overlap {
  #reasoning: string;
  #content: string;
  readonly #named: ReadonlySet<number>;

  /**
   * @param told what the caller was given
   * @param kept what the resumed request holds of it: its beginning
   */
  constructor(told: View, kept: View) {
    this.#reasoning = told.reasoning.slice(kept.reasoning.length);
    this.#content = told.content.slice(kept.content.length);
    this.#named = new Set(told.toolCalls.flatMap(({ name }, i) => (name === '' ? [] : [i])));
  }

  /** True when everything that was given before has come again. */
  get over(): boolean {
    return this.#reasoning === '' && this.#content === '';
  }

  /** Takes the known part off a delta. */
  pass({ reasoning = '', content = '', toolCalls = [] }: Texts): Passed {
    const again = toolCalls.find(({ index, name = '' }) => name !== '' && this.#named.has(index));
    if (again !== undefined)
      return broken(`the tool call ${again.name ?? ''} is begun anew instead of gone on with`);
    const newReasoning = rest(this.#reasoning, reasoning);
    if (newReasoning === undefined) return broken('the reasoning is not the same as before');
    this.#reasoning = this.#reasoning.slice(reasoning.length);
    if (this.#reasoning !== '' && (content !== '' || toolCalls.length > 0))
      return broken('the reasoning ends earlier than before');
    const newContent = rest(this.#content, content);
    if (newContent === undefined) return broken('the content is not the same as before');
    this.#content = this.#content.slice(content.length);
    if (this.#content !== '' && toolCalls.length > 0)
      return broken('the content ends earlier than before');
    return { kind: 'new', texts: textsOf(newReasoning, newContent, toolCalls) };
  }
}

function broken(detail: string): Passed {
  return { kind: 'broken', detail };
}

/** What `text` holds beyond `known`; undefined when they differ. */
function rest(known: string, text: string): string | undefined {
  const shared = Math.min(known.length, text.length);
  return known.slice(0, shared) === text.slice(0, shared) ? text.slice(shared) : undefined;
}

function textsOf(
  reasoning: string,
  content: string,
  toolCalls: readonly ToolCallDelta[],
): Texts | undefined {
  if (reasoning === '' && content === '' && toolCalls.length === 0) return undefined;
  return {
    ...(reasoning === '' ? {} : { reasoning }),
    ...(content === '' ? {} : { content }),
    ...(toolCalls.length === 0 ? {} : { toolCalls }),
  };
}
