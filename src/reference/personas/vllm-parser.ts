/**
 * vLLM 0.32's parser for Qwen3-like reasoning (`--reasoning-parser qwen3`) and its Hermes tool
 * parser, as far as they show: edge line breaks stay, the tags themselves are dropped wherever
 * they stand, and no text is ever given back that was told.
 */
import { JsonEnd, type Piece } from '../parse.ts';

const OPEN = '<think>';
const CLOSE = '</think>';
const CALL = '<tool_call>';
const CALL_END = '</tool_call>';
const NAME = /^\s*\{\s*"name"\s*:\s*"((?:[^"\\]|\\.)*)"/;
const ARGUMENTS = /^\s*,\s*"arguments"\s*:\s*(?=\{)/;

type State = 'reasoning' | 'content' | 'head' | 'arguments' | 'tail';

export class VllmParser {
  readonly #tools: boolean;
  #state: State;
  #held = '';
  #calls = 0;
  #named = false;
  #json = new JsonEnd();

  constructor(state: 'reasoning' | 'content', tools: boolean) {
    this.#state = state;
    this.#tools = tools;
  }

  get called(): boolean {
    return this.#calls > 0;
  }

  /** Reads more text. Every tag is one token, so that it always arrives whole. */
  feed(text: string): Piece[] {
    const pieces: Piece[] = [];
    this.#held += text;
    while (this.#held !== '' && this.#step(pieces));
    return pieces;
  }

  /** Reads what can be read of the held text; false when more is needed. */
  #step(pieces: Piece[]): boolean {
    switch (this.#state) {
      case 'reasoning':
      case 'content':
        return this.#text(this.#state, pieces);
      case 'head':
        return this.#head(pieces);
      case 'arguments':
        return this.#arguments(pieces);
      case 'tail': {
        const end = this.#held.indexOf(CALL_END);
        if (end < 0) return false;
        this.#held = this.#held.slice(end + CALL_END.length);
        this.#state = 'content';
        return true;
      }
    }
  }

  #text(kind: 'reasoning' | 'content', pieces: Piece[]): boolean {
    const tags = [...(kind === 'reasoning' ? [OPEN] : []), CLOSE, ...(this.#tools ? [CALL] : [])];
    const found = tags
      .map((tag) => ({ tag, at: this.#held.indexOf(tag) }))
      .filter(({ at }) => at >= 0)
      .toSorted((a, b) => a.at - b.at)[0];
    const own = found === undefined ? this.#held : this.#held.slice(0, found.at);
    if (own !== '') pieces.push({ kind, text: own });
    this.#held = found === undefined ? '' : this.#held.slice(found.at + found.tag.length);
    if (found?.tag === CLOSE) this.#state = 'content';
    if (found?.tag === CALL) {
      this.#state = 'head';
      this.#named = false;
    }
    return true;
  }

  #head(pieces: Piece[]): boolean {
    const name = NAME.exec(this.#held);
    if (name === null) return false;
    if (!this.#named) {
      this.#named = true;
      pieces.push({ kind: 'call', index: this.#calls, name: name[1] ?? '' });
      this.#calls++;
    }
    const open = ARGUMENTS.exec(this.#held.slice(name[0].length));
    if (open === null) return false;
    this.#held = this.#held.slice(name[0].length + open[0].length);
    this.#json = new JsonEnd();
    this.#state = 'arguments';
    return true;
  }

  #arguments(pieces: Piece[]): boolean {
    const end = this.#json.scan(this.#held);
    const own = end === undefined ? this.#held : this.#held.slice(0, end);
    pieces.push({ kind: 'arguments', index: this.#calls - 1, text: own });
    this.#held = this.#held.slice(own.length);
    if (end !== undefined) this.#state = 'tail';
    return true;
  }
}
