/** Reads the body of an answer that refuses, and makes the `Refusal`. */
import type { SentRequest } from '../dialects/dialect.ts';
import { withoutUser } from './address.ts';
import { collect, decompress, encodingOf, firstOf } from './collect.ts';
import { interrupted, type BodySink, type Head } from './exchange.ts';
import { Refusal } from './refusal.ts';
import type { Secrets } from './secrets.ts';

const KEPT_BYTES = 64 * 1024;

/**
 * A sink that ends by throwing a `Refusal`, or SeamstressError `interrupted` when the request is
 * aborted meanwhile. A body that stalls or breaks counts as far as it came.
 */
export function refuse(
  head: Head,
  request: SentRequest,
  secrets: Secrets,
  patienceMs: number,
): BodySink {
  return collect(head, KEPT_BYTES, patienceMs, (bytes, end) => {
    if (end.kind === 'aborted') throw interrupted(request);
    const { status, headers } = head;
    throw new Refusal({
      status,
      body: secrets.hide(textOf(bytes, encodingOf(headers)), end.kind !== 'complete'),
      request,
      retryAfter: firstOf(headers['retry-after']),
      message: status < 400 ? redirectOf(head, request.url, secrets) : undefined,
    });
  });
}

function redirectOf(head: Head, from: string, secrets: Secrets): string {
  const location = firstOf(head.headers['location']);
  if (location === undefined || !URL.canParse(location, from)) {
    return `HTTP ${head.status}: a redirect that leads nowhere`;
  }
  // Before it is taken apart, which changes how things are spelt, and after that.
  const hidden = secrets.hide(location);
  if (!URL.canParse(hidden, from))
    return `HTTP ${head.status}: redirects to an address made of what it was sent`;
  const to = secrets.hide(withoutUser(new URL(hidden, from).href));
  return `HTTP ${head.status}: redirects to ${to}; give that URL yourself`;
}

function textOf(bytes: Buffer, encoding: string | undefined): string {
  try {
    return new TextDecoder().decode(decompress(bytes, encoding, KEPT_BYTES));
  } catch {
    return '';
  }
}
