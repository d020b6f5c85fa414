/**
 * The message parser: a lossless reading of the model's raw text. Everything between `<think>\n`
 * and `</think>` is reasoning, the two line breaks after `</think>` belong to it, the rest is
 * content; nothing is trimmed. Each tag is one token, so that a tag always arrives whole.
 *
 * The parser of a resumed message is first fed the prefill, so that the new text goes on in the
 * phase where the prefill ended. A prefill that carries its tags inside the content is read by the
 * same rules: after an unclosed `<think>` the new text is reasoning.
 */

/** A piece of the message. */
export type Piece =
  | { readonly kind: 'reasoning'; readonly text: string }
  | { readonly kind: 'content'; readonly text: string }
  | {
      readonly kind: 'call';
      readonly index: number;
      readonly name: string;
      /** What of its arguments is told together with the name. */
      readonly opens?: string;
    }
  | { readonly kind: 'arguments'; readonly index: number; readonly text: string };

type State =
  | 'start'
  | 'opening'
  | 'reasoning'
  | 'closing'
  | 'content'
  | 'call-head'
  | 'call-arguments'
  | 'call-end';

const CALL_HEAD = /^\n\{"name": "((?:[^"\\]|\\.)*)", "arguments": /;

export class MessageParser {
  readonly #tools: boolean;
  #state: State = 'start';
  /** Line breaks that still belong to the closing tag, or text held back inside a call's frame. */
  #skip = 0;
  #held = '';
  #calls = 0;
  #json = new JsonEnd();

  /** `tools`: whether tool calls are parsed, as they are when the request offers tools. */
  constructor(tools: boolean) {
    this.#tools = tools;
  }

  /** True once a tool call has been read. */
  get called(): boolean {
    return this.#calls > 0;
  }

  /** Reads more of the raw text. */
  feed(text: string): Piece[] {
    const pieces: Piece[] = [];
    let rest = text;
    while (rest !== '') rest = this.#step(rest, pieces);
    return pieces;
  }

  /** Takes something off the beginning of `text` and returns what is left. */
  #step(text: string, pieces: Piece[]): string {
    switch (this.#state) {
      case 'start':
        if (!text.startsWith('<think>')) return this.#enter('content', text);
        return this.#enter('opening', text.slice('<think>'.length));
      case 'opening':
        return this.#enter('reasoning', text.startsWith('\n') ? text.slice(1) : text);
      case 'reasoning':
        return this.#reasoning(text, pieces);
      case 'closing':
        if (this.#skip === 0 || !text.startsWith('\n')) return this.#enter('content', text);
        this.#skip--;
        return text.slice(1);
      case 'content':
        return this.#content(text, pieces);
      case 'call-head':
        return this.#callHead(text, pieces);
      case 'call-arguments':
        return this.#callArguments(text, pieces);
      case 'call-end':
        return this.#callEnd(text);
    }
  }

  #enter(state: State, rest: string): string {
    this.#state = state;
    return rest;
  }

  #reasoning(text: string, pieces: Piece[]): string {
    const end = text.indexOf('</think>');
    const own = end < 0 ? text : text.slice(0, end);
    if (own !== '') pieces.push({ kind: 'reasoning', text: own });
    if (end < 0) return '';
    this.#skip = 2;
    return this.#enter('closing', text.slice(end + '</think>'.length));
  }

  #content(text: string, pieces: Piece[]): string {
    const call = this.#tools ? text.indexOf('<tool_call>') : -1;
    const own = this.#held + (call < 0 ? text : text.slice(0, call));
    this.#held = '';
    // The line break between two calls is part of their frames.
    if (this.#calls > 0 && own === '\n') {
      if (call < 0) this.#held = own;
    } else if (own !== '') pieces.push({ kind: 'content', text: own });
    return call < 0 ? '' : this.#enter('call-head', text.slice(call + '<tool_call>'.length));
  }

  #callHead(text: string, pieces: Piece[]): string {
    this.#held += text;
    const head = CALL_HEAD.exec(this.#held);
    if (head === null) return '';
    const rest = this.#held.slice(head[0].length);
    pieces.push({ kind: 'call', index: this.#calls, name: head[1] ?? '' });
    this.#held = '';
    this.#calls++;
    this.#json = new JsonEnd();
    return this.#enter('call-arguments', rest);
  }

  #callArguments(text: string, pieces: Piece[]): string {
    const end = this.#json.scan(text);
    const own = end === undefined ? text : text.slice(0, end);
    if (own !== '') pieces.push({ kind: 'arguments', index: this.#calls - 1, text: own });
    return end === undefined ? '' : this.#enter('call-end', text.slice(end));
  }

  #callEnd(text: string): string {
    this.#held += text;
    const end = this.#held.indexOf('</tool_call>');
    if (end < 0) return '';
    const rest = this.#held.slice(end + '</tool_call>'.length);
    this.#held = '';
    return this.#enter('content', rest);
  }
}

/** Finds where a JSON object, list or string ends that arrives in pieces. */
export class JsonEnd {
  #depth = 0;
  #inString = false;
  #escaped = false;

  /** The offset just after the value, or undefined when it goes on. */
  scan(text: string): number | undefined {
    for (let i = 0; i < text.length; i++) if (this.#ends(text.charAt(i))) return i + 1;
    return undefined;
  }

  #ends(character: string): boolean {
    if (this.#inString) {
      if (this.#escaped) this.#escaped = false;
      else if (character === '\\') this.#escaped = true;
      else if (character === '"') this.#inString = false;
      return character === '"' && !this.#inString && this.#depth === 0;
    }
    if (character === '"') this.#inString = true;
    else if (character === '{' || character === '[') this.#depth++;
    else if (character === '}' || character === ']') return --this.#depth <= 0;
    return false;
  }
}
