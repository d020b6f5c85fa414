/**
 * Hearing a stream that tells texts. What one event says is read by an `EventReader`; what an event
 * means that cannot be read, an error, a count or the last event is the same for all of them.
 */
import { jsonTrouble } from '../parse-json.ts';
import type { StreamEnd } from '../wire/end.ts';
import type { Usage } from './dialect.ts';
import { parseEvent, type JsonObject } from './json.ts';
import type { HeardText } from './text-level-pieces.ts';

/** What one event of a stream says. */
export interface Heard extends HeardText {
  /** In the words of the OpenAI API: `stop`, `length`, `tool_calls`. */
  readonly finish?: string | undefined;
  readonly promptTokens?: number | undefined;
  readonly cachedTokens?: number | undefined;
  readonly generatedTokens?: number | undefined;
  /** True for the event with which the API ends a stream, where that is not `[DONE]`. */
  readonly over?: boolean | undefined;
  /** The server reports an error in an event of its own shape. */
  readonly error?: string | undefined;
}

/** Reads the events of one stream, in order. `name` is that of the event, where it has one. */
export type EventReader = (event: JsonObject, name: string | undefined) => Heard;

/** How a stream ended of which an event is no JSON object. */
export function garbledBy(data: string): StreamEnd {
  return {
    kind: 'garbled',
    detail: `an event is ${jsonTrouble(data) ?? 'not a JSON object'}: ${data.slice(0, 80)}`,
  };
}

/** One stream, heard event by event. Its text is handed on; counts and ends are kept here. */
export class Hearing {
  finish: string | undefined;
  usage: Usage = { promptTokens: undefined, cachedTokens: undefined, generatedTokens: undefined };
  readonly #reader: EventReader;
  readonly #take: (said: HeardText) => void;
  #over = false;
  #broken: StreamEnd | undefined;

  /** @param take what is done with the text of an event; called also for events that have none */
  constructor(reader: EventReader, take: (said: HeardText) => void) {
    this.#reader = reader;
    this.#take = take;
  }

  /** Hears one event; true when nothing more need be read, since it is an error. */
  hear(data: string, name: string | undefined): boolean {
    const event = parseEvent(data);
    if (event === undefined) {
      this.#broken = garbledBy(data);
      return true;
    }
    const heard = this.#reader(event, name);
    if (heard.error !== undefined) {
      this.#broken = { kind: 'error-event', message: heard.error, body: data };
      return true;
    }
    this.#take(heard);
    this.finish = heard.finish ?? this.finish;
    this.#over ||= heard.over === true;
    this.usage = {
      promptTokens: heard.promptTokens ?? this.usage.promptTokens,
      cachedTokens: heard.cachedTokens ?? this.usage.cachedTokens,
      generatedTokens: heard.generatedTokens ?? this.usage.generatedTokens,
    };
    return false;
  }

  /** How the stream ended, with what its own events say of it. */
  endOf(end: StreamEnd): StreamEnd {
    if (this.#broken !== undefined) return this.#broken;
    return end.kind === 'closed' && this.#over ? { kind: 'done' } : end;
  }
}
