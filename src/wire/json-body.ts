/** The JSON value in a collected body. */
import { messageOf, SeamstressError } from '../errors.ts';
import { jsonTrouble } from '../parse-json.ts';
import { decompress, encodingOf, type CollectedEnd } from './collect.ts';
import { interrupted, type Call, type Head } from './exchange.ts';
import type { Secrets } from './secrets.ts';
import { brokenBy } from './trouble.ts';
import { quoted } from './words.ts';

const ROOT_HINT = "Is this the server's root URL?";

/**
 * Reads a body; an empty one (vLLM's `/health`) is undefined.
 * @throws SeamstressError `target` when it did not come whole, is larger than `limit` bytes, is nested
 * too deeply or is not JSON; `interrupted` when the request was aborted.
 */
export function readJson(
  bytes: Buffer,
  end: CollectedEnd,
  head: Head,
  call: Call,
  limit: number,
  secrets: Secrets,
): unknown {
  const wrong = (what: string, options: { hint?: string; cause?: unknown } = {}): SeamstressError =>
    new SeamstressError('target', `${call.method} ${call.url}: ${what}`, options);
  switch (end.kind) {
    case 'complete':
      break;
    case 'aborted':
      throw interrupted(call);
    case 'overflow':
      throw wrong(`the answer is larger than ${limit} bytes`);
    case 'trickled':
      throw wrong(`the answer was not whole after ${end.afterMs} ms`);
    case 'stalled':
      throw wrong(`the answer stopped halfway: nothing for ${end.afterMs} ms`);
    case 'broken':
      throw wrong(`connection lost in the answer: ${brokenBy(end.error)}`, { cause: end.error });
  }
  let text: string;
  try {
    const whole = decompress(bytes, encodingOf(head.headers), limit);
    text = secrets.hide(new TextDecoder().decode(whole));
  } catch (error) {
    throw wrong(`the answer cannot be decompressed: ${messageOf(error)}`, { cause: error });
  }
  if (text.trim() === '') return undefined;
  const trouble = jsonTrouble(text);
  if (trouble !== undefined) throw wrong(`the answer is ${trouble}`, { hint: ROOT_HINT });
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    throw wrong(`the answer is not JSON: ${quoted(text)}`, { hint: ROOT_HINT, cause: error });
  }
}
