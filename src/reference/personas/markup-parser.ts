/**
 * llama.cpp's message parser as far as it shows: it knows the tags of a template, keeps every line
 * break but those that belong to a tag, holds text back that could begin a tag, and tells a tool
 * call's name together with the brace that opens its arguments.
 */
import { JsonEnd, type Piece } from '../parse.ts';
import type { StyleName } from '../style.ts';

/** The tags of a template, as llama.cpp finds them in it. */
export interface Tags {
  readonly opening: string;
  readonly closing: string;
  /** Line breaks after the opening and after the closing tag that belong to them. */
  readonly breaks: readonly [number, number];
}

const TAGS: Readonly<Record<StyleName, Tags | undefined>> = {
  chatml: { opening: '<think>', closing: '</think>', breaks: [1, 2] },
  deepseek: { opening: '<think>', closing: '</think>', breaks: [0, 0] },
  gemma: undefined,
  harmony: {
    opening: '<|channel|>analysis<|message|>',
    closing: '<|end|><|start|>assistant<|channel|>final<|message|>',
    breaks: [0, 0],
  },
};

type State = 'start' | 'reasoning' | 'content' | 'head' | 'arguments' | 'tail';

const CALL = '<tool_call>';
const CALL_END = '</tool_call>';
const NAME = /^\s*\{\s*"name"\s*:\s*"((?:[^"\\]|\\.)*)"/;
const ARGUMENTS = /^\s*,\s*"arguments"\s*:\s*\{/;

export class MarkupParser {
  readonly #tags: Tags | undefined;
  readonly #tools: boolean;
  #state: State;
  #held = '';
  /** Line breaks that the last tag still owns. */
  #breaks = 0;
  #calls = 0;
  #named = false;
  #json = new JsonEnd();

  /**
   * @param style undefined for a parser that takes all as content
   * @param tools whether tool calls are parsed, as they are when the request offers tools
   */
  constructor(style: StyleName | undefined, tools: boolean) {
    this.#tags = style === undefined ? undefined : TAGS[style];
    this.#tools = tools;
    this.#state = this.#tags === undefined ? 'content' : 'start';
  }

  get called(): boolean {
    return this.#calls > 0;
  }

  feed(text: string): Piece[] {
    const pieces: Piece[] = [];
    this.#held += text;
    while (this.#step(pieces));
    return pieces;
  }

  end(): Piece[] {
    const text = this.#held;
    this.#held = '';
    if (text === '' || this.#state === 'head' || this.#state === 'tail') return [];
    return [{ kind: this.#state === 'reasoning' ? 'reasoning' : 'content', text }];
  }

  /** Reads what can be read of the held text; false when nothing more can. */
  #step(pieces: Piece[]): boolean {
    while (this.#breaks > 0 && this.#held.startsWith('\n')) {
      this.#held = this.#held.slice(1);
      this.#breaks--;
    }
    if (this.#held === '') return false;
    this.#breaks = 0;
    switch (this.#state) {
      case 'start':
        return this.#start();
      case 'reasoning':
        return this.#until(this.#tags?.closing ?? '', 'reasoning', pieces, () => {
          this.#state = 'content';
          this.#breaks = this.#tags?.breaks[1] ?? 0;
        });
      case 'content':
        return this.#until(this.#tools ? CALL : undefined, 'content', pieces, () => {
          this.#state = 'head';
          this.#named = false;
        });
      case 'head':
        return this.#head(pieces);
      case 'arguments':
        return this.#arguments(pieces);
      case 'tail':
        return this.#tail();
    }
  }

  #start(): boolean {
    const opening = this.#tags?.opening ?? '';
    if (this.#held.startsWith(opening)) {
      this.#held = this.#held.slice(opening.length);
      this.#breaks = this.#tags?.breaks[0] ?? 0;
      this.#state = 'reasoning';
      return true;
    }
    if (opening.startsWith(this.#held)) return false;
    this.#state = 'content';
    return true;
  }

  /** Tells text up to a tag; what could begin the tag is held back. */
  #until(
    tag: string | undefined,
    kind: 'reasoning' | 'content',
    pieces: Piece[],
    found: () => void,
  ): boolean {
    const at = tag === undefined ? -1 : this.#held.indexOf(tag);
    const hold = at < 0 && tag !== undefined ? overlap(this.#held, tag) : 0;
    const own = at < 0 ? this.#held.slice(0, this.#held.length - hold) : this.#held.slice(0, at);
    // White space alone between two calls is part of their frames.
    const frame = kind === 'content' && this.#calls > 0 && own.trim() === '';
    if (own !== '' && !(frame && at >= 0)) {
      if (frame) return false;
      pieces.push({ kind, text: own });
    }
    this.#held = at < 0 ? this.#held.slice(own.length) : this.#held.slice(at + (tag ?? '').length);
    if (at < 0) return false;
    found();
    return true;
  }

  #head(pieces: Piece[]): boolean {
    const name = NAME.exec(this.#held);
    if (name === null) return false;
    if (!this.#named) {
      this.#named = true;
      pieces.push({ kind: 'call', index: this.#calls, name: name[1] ?? '', opens: '{' });
      this.#calls++;
    }
    const open = ARGUMENTS.exec(this.#held.slice(name[0].length));
    if (open === null) return false;
    this.#held = this.#held.slice(name[0].length + open[0].length);
    this.#json = new JsonEnd();
    this.#json.scan('{');
    this.#state = 'arguments';
    return true;
  }

  #arguments(pieces: Piece[]): boolean {
    const end = this.#json.scan(this.#held);
    const own = end === undefined ? this.#held : this.#held.slice(0, end);
    if (own !== '') pieces.push({ kind: 'arguments', index: this.#calls - 1, text: own });
    this.#held = this.#held.slice(own.length);
    if (end !== undefined) this.#state = 'tail';
    return end !== undefined;
  }

  #tail(): boolean {
    const end = this.#held.indexOf(CALL_END);
    if (end < 0) return false;
    this.#held = this.#held.slice(end + CALL_END.length);
    this.#state = 'content';
    return true;
  }
}

/** How many of the text's last characters could begin the tag. */
function overlap(text: string, tag: string): number {
  for (let length = Math.min(text.length, tag.length - 1); length > 0; length--)
    if (text.endsWith(tag.slice(0, length))) return length;
  return 0;
}
