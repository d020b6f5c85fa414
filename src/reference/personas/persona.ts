/**
 * A persona: a server that people use, as it answers by its documentation, its source or as it was
 * seen to. It is composed over the scripted model, the tokenizer and the template of `Engine`; its
 * own are only its routes: what it reads of a request, what prompt it makes of it, how it streams.
 */
import type { IncomingHttpHeaders, ServerResponse } from 'node:http';
import type { JsonObject } from '../../dialects/json.ts';
import type { ApiError } from '../api-error.ts';
import type { Engine } from '../engine.ts';
import type { Pace } from '../http.ts';
import type { StyleName } from '../style.ts';

/** One request to a route. */
export interface Exchange {
  /** The JSON object of the body; empty for a GET. */
  readonly body: JsonObject;
  readonly query: URLSearchParams;
  /** What a pattern's `*` stands for, in order; decoded. */
  readonly params: readonly string[];
  readonly headers: IncomingHttpHeaders;
  readonly response: ServerResponse;
  readonly pace: Pace;
}

/**
 * Answers a request. What it throws becomes an error answer in the persona's shape, as long as
 * nothing has been sent; after that the connection is cut.
 */
type Handler = (exchange: Exchange) => void | Promise<void>;

/** Handlers by method and path, `POST /v1/messages`; a `*` in a path stands for one segment. */
export type Routes = Readonly<Record<string, Handler>>;

export interface Persona {
  /** As `--persona` takes it. */
  readonly name: string;
  /** The name of the dialect that it speaks, and that `--dialect auto` must find. */
  readonly dialect: string;
  /** Where its behaviour is known from: documentation, source files, issue numbers, or "seen on …". */
  readonly sources: readonly string[];
  /** What of the real server is knowingly not modelled. */
  readonly lacks: readonly string[];
  /** The chat template and the markup of the model behind it. @defaultValue `chatml` */
  readonly style?: StyleName;
  /** See `ModelTraits`. @defaultValue true */
  readonly natural?: boolean;
  /** Made once for each server: what a server remembers between requests lives in its closure. */
  routes(engine: Engine): Routes;
  /** The body of an error answer. @defaultValue llama.cpp's `{error: {code, message, type}}` */
  errorBody?(error: ApiError): unknown;
}
