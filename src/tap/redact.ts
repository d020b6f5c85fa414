/** Keeps keys and cookies out of recordings, wherever they stand: headers, URL, bodies. */
import { Secrets } from '../wire/secrets.ts';
import { pairsOf, type FlatHeaders } from './headers.ts';

const REDACTED = '[redacted]';

/** Names of headers and URL parameters whose values are never written. */
const SECRET_NAME = /auth|key|token|secret|cookie|password|signature|credential/i;

/** A JSON field whose text is a key, and not one of the many fields that count tokens. */
const SECRET_FIELD =
  /("(?:[\w-]*api[_-]?key|authorization|[\w-]*(?:access|auth|bearer)[_-]?token|[\w-]*secret|password|cookie)"\s*:\s*")((?:[^"\\]|\\.)*)(")/gi;

/** Hides what one exchange holds of secrets. */
export class Redactor {
  readonly #values: Secrets;

  /** @param headers those of the request; @param known values that are secret wherever they occur */
  constructor(headers: FlatHeaders, known: readonly string[]) {
    const values = pairsOf(headers).filter(([name]) => SECRET_NAME.test(name));
    const cookies = values
      .filter(([name]) => /cookie/i.test(name))
      .flatMap(([, value]) => value.split(/;\s*/).map((pair) => pair.slice(pair.indexOf('=') + 1)));
    this.#values = new Secrets(
      Object.fromEntries(
        [...values.map(([, value]) => value), ...cookies].map((value, i) => [`secret-${i}`, value]),
      ),
      known,
    );
  }

  /** The headers as an object, secret values replaced. A name that occurs more than once has a list. */
  headers(flat: FlatHeaders): Record<string, string | string[]> {
    const shown: Record<string, string | string[]> = {};
    for (const [name, value] of pairsOf(flat)) {
      const safe = SECRET_NAME.test(name) ? REDACTED : this.text(value);
      const before = shown[name];
      shown[name] = before === undefined ? safe : [before, safe].flat();
    }
    return shown;
  }

  /** A path with its query. */
  path(path: string): string {
    const at = path.indexOf('?');
    if (at < 0) return this.text(path);
    const query = path
      .slice(at + 1)
      .split('&')
      .map((pair) => {
        const [name = ''] = pair.split('=', 1);
        return SECRET_NAME.test(name) && pair.includes('=') ? `${name}=${REDACTED}` : pair;
      });
    return this.text(`${path.slice(0, at)}?${query.join('&')}`);
  }

  /**
   * A body, or any text.
   * @param cut it was cut off: the beginning of a secret at its end is hidden too
   */
  text(text: string, cut = false): string {
    return this.#values.hide(text.replaceAll(SECRET_FIELD, `$1${REDACTED}$3`), cut);
  }

  /** A body that is no text, its secrets overwritten. */
  bytes(bytes: Uint8Array): Uint8Array {
    return this.#values.mask([{ atMs: 0, bytes }])[0]?.bytes ?? bytes;
  }
}
