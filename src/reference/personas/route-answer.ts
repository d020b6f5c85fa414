/**
 * An answer by another API, made of a chat answer: its chunks become the events of that API, the
 * whole message one object.
 */
import type { ServerResponse } from 'node:http';
import { asArray, asNumber, asObject, asString, type JsonObject } from '../../dialects/json.ts';
import { EventStream, sendJson } from '../http.ts';
import type { Chatter } from './chatter.ts';
import type { Exchange } from './persona.ts';
import { RelayedResponse } from './relayed.ts';

/** A tool call, or the part of one that a chunk has. */
export interface CallPart {
  readonly index: number;
  readonly id: unknown;
  readonly name: string | undefined;
  readonly args: string;
}

/** A whole answer of a chat. */
export interface WholeChat {
  readonly reasoning: string;
  readonly content: string;
  readonly calls: readonly CallPart[];
  readonly finish: string | undefined;
  /** Tokens that were generated. */
  readonly made: number;
}

/** Sends an event of the API. */
export type Send = (type: string, more: object) => void;

/** The events of one streamed answer, as an API tells them. */
export interface RouteEvents {
  /** Before the first chunk. */
  begin(): void;
  reasoning(text: string): void;
  content(text: string): void;
  call(part: CallPart): void;
  /** @param made tokens that were generated */
  end(finish: string | undefined, made: number): void;
}

/** How an API tells the answer of a chat. */
export interface RouteForm {
  readonly events: (send: Send) => RouteEvents;
  readonly whole: (answer: WholeChat) => object;
}

/**
 * Answers a request by a chat.
 *
 * @param body the chat request that it becomes
 * @param formOf how the answer is told, by the number of prompt tokens
 */
export async function answerByChat(
  exchange: Exchange,
  chatter: Chatter,
  body: JsonObject,
  formOf: (prompt: number) => RouteForm,
): Promise<void> {
  const { response } = exchange;
  const form = formOf(chatter.count(body));
  const streamed = body['stream'] === true ? new Streamed(response, form) : undefined;
  const relay = new RelayedResponse(response, {
    chunk: (chunk) => streamed?.chunk(chunk),
    done: () => streamed?.done(),
    whole: (answer) => sendJson(response, 200, form.whole(readWhole(answer))),
  });
  await chatter.chat({ ...exchange, body, response: relay });
}

/** A streamed answer. The stream is opened with the first chunk, so that errors come as such. */
class Streamed {
  readonly #response: ServerResponse;
  readonly #form: RouteEvents;
  #events: EventStream | undefined;
  #finish: string | undefined;
  #made = 0;
  #sent: Promise<void> = Promise.resolve();

  constructor(response: ServerResponse, form: RouteForm) {
    this.#response = response;
    this.#form = form.events((type, more) => {
      const events = this.#events;
      this.#sent = this.#sent.then(() => events?.sendNamed(type, { type, ...more }));
    });
  }

  chunk(chunk: JsonObject): void {
    this.#begin();
    this.#made = madeOf(chunk) ?? this.#made;
    const choice = asObject(asArray(chunk['choices'])[0]);
    this.#finish = asString(choice?.['finish_reason']) ?? this.#finish;
    const { reasoning, content, calls } = readMessage(choice?.['delta']);
    if (reasoning !== '') this.#form.reasoning(reasoning);
    if (content !== '') this.#form.content(content);
    for (const call of calls) this.#form.call(call);
  }

  done(): void {
    this.#begin();
    this.#form.end(this.#finish, this.#made);
    void this.#sent.then(() => this.#events?.end());
  }

  #begin(): void {
    if (this.#events !== undefined) return;
    this.#events = new EventStream(this.#response);
    this.#form.begin();
  }
}

function readWhole(answer: JsonObject): WholeChat {
  const choice = asObject(asArray(answer['choices'])[0]);
  const finish = asString(choice?.['finish_reason']);
  return { ...readMessage(choice?.['message']), finish, made: madeOf(answer) ?? 0 };
}

function readMessage(value: unknown): Pick<WholeChat, 'reasoning' | 'content' | 'calls'> {
  const message = asObject(value) ?? {};
  return {
    reasoning: asString(message['reasoning_content']) ?? asString(message['reasoning']) ?? '',
    content: asString(message['content']) ?? '',
    calls: asArray(message['tool_calls']).map(readCall),
  };
}

function readCall(value: unknown): CallPart {
  const call = asObject(value);
  const called = asObject(call?.['function']);
  return {
    index: asNumber(call?.['index']) ?? 0,
    id: call?.['id'],
    name: asString(called?.['name']),
    args: asString(called?.['arguments']) ?? '',
  };
}

function madeOf(said: JsonObject): number | undefined {
  return asNumber(asObject(said['usage'])?.['completion_tokens']);
}
