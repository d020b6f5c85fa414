/** What the tap keeps of one request and its answer. */
import { parseJson } from '../parse-json.ts';

/** How an exchange ended. */
export type ExchangeEnd =
  /** The upstream's answer was passed on in full. */
  | 'complete'
  /** The client closed its connection first. */
  | 'client-gone'
  /** The upstream's connection broke inside its answer. */
  | 'upstream-broke'
  /** The upstream could not be reached, or ended without an answer. */
  | 'no-answer';

/** A recorded body. */
export interface RecordedBody {
  /** Bytes that passed, recorded or not. */
  readonly bytes: number;
  /** What was recorded, decompressed: text where it is UTF-8, else base64. Secrets are replaced. */
  readonly text: string;
  readonly encoding: 'utf8' | 'base64';
  /** True when more passed than is recorded; of a compressed body nothing is then. */
  readonly truncated: boolean;
}

/** One request and its answer. Times in milliseconds since the request arrived. */
export interface Exchange {
  /** ISO 8601, when the request arrived. */
  readonly time: string;
  readonly method: string;
  /** Path and query. */
  readonly path: string;
  readonly request: {
    readonly headers: Readonly<Record<string, string | readonly string[]>>;
    readonly body: RecordedBody;
  };
  /** Undefined when no answer came. */
  readonly response:
    | {
        readonly status: number;
        readonly headers: Readonly<Record<string, string | readonly string[]>>;
        readonly body: RecordedBody;
        /** When each chunk arrived and how many bytes it held; the first ones only, where there are many. */
        readonly chunks: readonly (readonly [atMs: number, bytes: number])[];
      }
    | undefined;
  readonly end: ExchangeEnd;
  /** What went wrong, in words. */
  readonly trouble?: string;
  readonly ms: number;
}

/** The value of a body that is JSON; undefined when it is not, or not recorded whole. */
export function jsonOf(body: RecordedBody): unknown {
  if (body.truncated || body.encoding !== 'utf8') return undefined;
  try {
    return parseJson(body.text);
  } catch {
    return undefined;
  }
}

/** An exchange as one line of NDJSON: a JSON body stands as its value. */
export function lineOf(exchange: Exchange): string {
  const { request } = exchange;
  const value = jsonOf(request.body);
  return JSON.stringify({
    ...exchange,
    request: {
      headers: request.headers,
      ...(value === undefined ? { body: request.body } : { json: value }),
    },
  });
}
