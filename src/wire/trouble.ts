/** What went wrong before a server answered, in one line for people. */
import { messageOf, SeamstressError } from '../errors.ts';
import type { Call } from './exchange.ts';

const ADDRESS_HINT = 'Is the server running, and is this its address and port?';
const LOG_HINT = 'The server may have crashed: look at its log.';
const SCHEME_HINT = 'Is it https where it should be http, or the other way round?';

/** The error that a caller sees for trouble before the answer's headers. */
export function explain(thrown: unknown, call: Call): SeamstressError {
  const code = codeOf(thrown);
  const asked = `${call.method} ${call.url}`;
  if (closedByUs(thrown)) {
    return new SeamstressError('interrupted', `${asked}: our side was closed`, { cause: thrown });
  }
  const target = (line: string, hint?: string): SeamstressError =>
    new SeamstressError(
      'target',
      line,
      hint === undefined ? { cause: thrown } : { hint, cause: thrown },
    );
  switch (code) {
    case 'ECONNREFUSED':
      return target(`${call.url}: connection refused`, ADDRESS_HINT);
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return target(`${call.url}: no such host (${code})`, ADDRESS_HINT);
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
      return target(`${call.url}: host cannot be reached (${code})`, ADDRESS_HINT);
    case 'UND_ERR_CONNECT_TIMEOUT':
    case 'ETIMEDOUT':
      return target(`${call.url}: no connection within ${call.connectMs} ms`, ADDRESS_HINT);
    case 'UND_ERR_HEADERS_TIMEOUT':
      return target(
        `${asked}: no answer within ${call.headersMs} ms`,
        'The server may be loading or busy: wait for it, or allow more time for the headers.',
      );
    case 'UND_ERR_SOCKET':
    case 'ECONNRESET':
    case 'EPIPE':
      return target(`${asked}: connection closed before the answer`, LOG_HINT);
    case 'UND_ERR_INVALID_ARG':
      return new SeamstressError('usage', `${asked}: cannot be sent (${messageOf(thrown)})`, {
        hint: 'Check the API key and the extra headers for line breaks and other odd characters.',
      });
    default:
  }
  if (/^EPROTO$|SSL|TLS/.test(code)) {
    return target(`${call.url}: no TLS connection (${code})`, SCHEME_HINT);
  }
  if (thrown instanceof Error && thrown.name === 'HTTPParserError') {
    return target(`${asked}: the answer is not HTTP/1.1`, SCHEME_HINT);
  }
  return target(`${asked}: ${brokenBy(thrown)}`);
}

/** True for the error of requests that were under way when the client was closed. */
export function closedByUs(thrown: unknown): boolean {
  return /^UND_ERR_(DESTROYED|CLOSED)$/.test(codeOf(thrown));
}

/** What broke a body, in one line. */
export function brokenBy(thrown: unknown): string {
  const code = codeOf(thrown);
  return messageOf(thrown) + (code === '' ? '' : ` (${code})`);
}

function codeOf(thrown: unknown): string {
  const code = thrown instanceof Error ? (thrown as { readonly code?: unknown }).code : undefined;
  return typeof code === 'string' ? code : '';
}
