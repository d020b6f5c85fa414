/** The base URL of a server, as users write it. */
import { SeamstressError } from '../errors.ts';
import { SHORTEST_SECRET } from './secrets.ts';

/** A base URL in its parts. */
export interface Address {
  /** Without user, password, trailing slash and trailing `/v1`. */
  readonly url: string;
  /** Scheme, host and port. */
  readonly origin: string;
  /** Path before every request's path: empty or `/prefix`. */
  readonly prefix: string;
  /** User and password of the URL as a Basic `authorization` header, as curl sends them. */
  readonly authorization: string | undefined;
  /** User and password as they may be repeated; without a password the user name, which is then a key. */
  readonly secrets: readonly string[];
}

/**
 * Reads a base URL. Request paths are given from the root (`/v1/chat/completions`), so that a
 * final `/v1`, which other clients want in their base URL, is dropped.
 * @throws SeamstressError `usage` when it is not an http or https URL, or has a query.
 */
export function parseAddress(text: string): Address {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol)) {
    throw new SeamstressError('usage', `not an http or https URL: ${withoutUser(text)}`, {
      hint: 'Write it in full, as in http://127.0.0.1:8080.',
    });
  }
  if (url.search !== '') {
    throw new SeamstressError(
      'usage',
      `a base URL cannot have a query: ${url.origin}${url.pathname}`,
      {
        hint: 'Leave out what follows the question mark.',
      },
    );
  }
  const prefix = url.pathname.replace(/\/+$/, '').replace(/\/v1$/, '').replace(/\/+$/, '');
  return {
    url: url.origin + prefix,
    origin: url.origin,
    prefix,
    authorization: basic(url),
    secrets: secretsIn(url),
  };
}

/** An absolute URL without its user and password; a text that is no URL without what precedes an `@`. */
export function withoutUser(text: string): string {
  if (!URL.canParse(text)) return text.replace(/^.*@/s, '');
  const url = new URL(text);
  url.username = '';
  url.password = '';
  return url.host === '' ? text.replace(/^.*@/s, '') : url.href;
}

function secretsIn({ username, password }: URL): string[] {
  const user = percentDecoded(username);
  const decoded = percentDecoded(password);
  const pairs = [`${username}:${password}`, `${user}:${decoded}`];
  // Services that take a key as user name want no password, or any.
  const keys = decoded.length < SHORTEST_SECRET ? [username, user] : [];
  return [...(password === '' ? [] : pairs), password, decoded, ...keys];
}

function basic(url: URL): string | undefined {
  if (url.username === '' && url.password === '') return undefined;
  const pair = `${percentDecoded(url.username)}:${percentDecoded(url.password)}`;
  return `Basic ${Buffer.from(pair).toString('base64')}`;
}

/** The text itself where a `%` begins no character. */
function percentDecoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
