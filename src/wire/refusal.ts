/** An HTTP answer that refuses: status 400 and above, or a redirect, which is never followed. */
import type { SentRequest } from '../dialects/dialect.ts';
import { messageOf } from '../errors.ts';
import { wordsOf } from './words.ts';

/** What a `Refusal` is made of. */
interface RefusalParts {
  readonly status: number;
  /** The answer's body; the caller keeps it to 64 KiB. */
  readonly body: string;
  readonly request: SentRequest;
  /** The `retry-after` header as it was sent. */
  readonly retryAfter?: string | undefined;
  /** Said in place of the server's own words. */
  readonly message?: string | undefined;
}

/**
 * The server refused. `message` is in the server's own words where it gave any (they tell a
 * diagnosis which rule was broken), otherwise `HTTP 503`.
 */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  /** The HTTP status, 300 to 599. */
  readonly status: number;
  /** The body as text, at most 64 KiB of it; empty when there was none or it could not be read. */
  readonly body: string;
  /** Seconds to wait, from `retry-after` as a number or a date; undefined without it. */
  readonly retryAfterSeconds: number | undefined;
  /** What was refused; never holds a key. */
  readonly request: SentRequest;

  constructor(parts: RefusalParts) {
    super(parts.message ?? wordsOf(parts.body) ?? `HTTP ${parts.status}`);
    this.status = parts.status;
    this.body = parts.body;
    this.request = parts.request;
    this.retryAfterSeconds = secondsOf(parts.retryAfter);
  }
}

/** What a server answered: `HTTP 503: still loading`, or `HTTP 503` where it gave no words. */
export function describeRefusal(refusal: Pick<Refusal, 'status' | 'message'>): string {
  const status = `HTTP ${refusal.status}`;
  const words = messageOf(refusal.message);
  return words.startsWith(status) ? words : `${status}: ${words}`;
}

/** What went wrong with a request, on one line; of a refusal the status, too. */
export function describeTrouble(thrown: unknown): string {
  return thrown instanceof Refusal ? describeRefusal(thrown) : messageOf(thrown);
}

function secondsOf(retryAfter: string | undefined): number | undefined {
  const text = retryAfter?.trim() ?? '';
  if (/^\d+(\.\d+)?$/.test(text)) return Number(text);
  const date = Date.parse(text);
  return Number.isNaN(date) ? undefined : Math.max(0, (date - Date.now()) / 1000);
}
