/** What a client was given of an answer, read from the frames that went to it. */
import { asArray, asNumber, asObject, asString, parseEvent } from '../dialects/json.ts';
import type { JsonObject } from '../dialects/json.ts';
import type { Format, ReasoningField } from './conversation.ts';

/** Text and calls as they were given out, and how the answer was ended. */
export interface Delivered {
  readonly reasoning: string;
  /** The field that the reasoning came in. */
  readonly reasoningField?: ReasoningField | undefined;
  readonly content: string;
  readonly calls: readonly { readonly name: string; readonly arguments: string }[];
  /** The finish reason, where one was stated. */
  readonly finish?: string | undefined;
}

/** What a frame adds to an answer. */
export interface Piece {
  readonly reasoning?: { readonly text: string; readonly field: ReasoningField };
  readonly content?: string;
  readonly calls?: readonly { readonly index: number; name?: string; arguments?: string }[];
  readonly finish?: string;
  /** The frame that ends the stream: `[DONE]`, `message_stop`. */
  readonly last?: boolean;
}

/** Reads a frame's data; `{}` for one that adds nothing. */
export function readPiece(format: Format, data: string | undefined): Piece {
  if (data === undefined) return {};
  if (data === '[DONE]') return { last: true };
  const event = parseEvent(data);
  if (event === undefined) return {};
  return format === 'chat' ? chatPiece(event) : messagesPiece(event);
}

function chatPiece(event: JsonObject): Piece {
  const choice = asObject(asArray(event['choices'])[0]);
  const delta = asObject(choice?.['delta'] ?? choice?.['message']) ?? {};
  const field = (['reasoning_content', 'reasoning', 'reasoning_text'] as const).find(
    (name) => (asString(delta[name]) ?? '') !== '',
  );
  const content = asString(delta['content']) ?? '';
  const calls = asArray(delta['tool_calls']).map((value, i) => {
    const call = asObject(value);
    const called = asObject(call?.['function']);
    const name = asString(called?.['name']);
    const text = asString(called?.['arguments']);
    return {
      index: asNumber(call?.['index']) ?? i,
      ...(name === undefined ? {} : { name }),
      ...(text === undefined ? {} : { arguments: text }),
    };
  });
  const finish = asString(choice?.['finish_reason']);
  return {
    ...(field === undefined ? {} : { reasoning: { text: asString(delta[field]) ?? '', field } }),
    ...(content === '' ? {} : { content }),
    ...(calls.length === 0 ? {} : { calls }),
    ...(finish === undefined ? {} : { finish }),
  };
}

function messagesPiece(event: JsonObject): Piece {
  const index = asNumber(event['index']) ?? 0;
  switch (event['type']) {
    case 'message_stop':
      return { last: true };
    case 'message_delta': {
      const finish = asString(asObject(event['delta'])?.['stop_reason']);
      return finish === undefined ? {} : { finish };
    }
    case 'content_block_start': {
      const block = asObject(event['content_block']);
      return block?.['type'] === 'tool_use'
        ? { calls: [{ index, name: asString(block['name']) ?? '' }] }
        : {};
    }
    case 'content_block_delta':
      return blockDelta(asObject(event['delta']) ?? {}, index);
    default:
      return {};
  }
}

function blockDelta(delta: JsonObject, index: number): Piece {
  const thought = asString(delta['thinking']) ?? '';
  if (thought !== '') return { reasoning: { text: thought, field: 'thinking' } };
  const content = asString(delta['text']) ?? '';
  if (content !== '') return { content };
  const json = asString(delta['partial_json']);
  return json === undefined ? {} : { calls: [{ index, arguments: json }] };
}

/** An answer as it grows. */
export class Growing {
  #reasoning = '';
  #field: ReasoningField | undefined;
  #content = '';
  readonly #calls = new Map<number, { name: string; arguments: string }>();
  #finish: string | undefined;

  add(piece: Piece): void {
    if (piece.reasoning !== undefined) {
      this.#reasoning += piece.reasoning.text;
      this.#field ??= piece.reasoning.field;
    }
    this.#content += piece.content ?? '';
    for (const part of piece.calls ?? []) {
      const call = this.#calls.get(part.index) ?? { name: '', arguments: '' };
      call.name += part.name ?? '';
      call.arguments += part.arguments ?? '';
      this.#calls.set(part.index, call);
    }
    this.#finish ??= piece.finish;
  }

  now(): Delivered {
    return {
      reasoning: this.#reasoning,
      ...(this.#field === undefined ? {} : { reasoningField: this.#field }),
      content: this.#content,
      calls: [...this.#calls.values()].map((call) => ({ ...call })),
      ...(this.#finish === undefined ? {} : { finish: this.#finish }),
    };
  }
}

/** A whole JSON answer, as a stream of one frame would have given it. */
export function readWhole(format: Format, body: JsonObject): Delivered {
  const answer = new Growing();
  if (format === 'chat') answer.add(chatPiece(body));
  else {
    for (const [index, value] of asArray(body['content']).entries()) {
      const block = asObject(value) ?? {};
      if (block['type'] === 'tool_use')
        answer.add({
          calls: [
            {
              index,
              name: asString(block['name']) ?? '',
              arguments: JSON.stringify(block['input'] ?? {}),
            },
          ],
        });
      else answer.add(blockDelta(block, index));
    }
    const finish = asString(body['stop_reason']);
    if (finish !== undefined) answer.add({ finish });
  }
  return answer.now();
}

/** True when nothing was given that a client could send back. */
export function holdsNothing({ reasoning, content, calls }: Delivered): boolean {
  return reasoning === '' && content === '' && calls.length === 0;
}
