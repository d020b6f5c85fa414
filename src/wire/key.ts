/** Headers that keys are sent in; `authorization` as a bearer token. */
export const KEY_HEADERS = ['authorization', 'x-api-key'] as const;
export type KeyHeader = (typeof KEY_HEADERS)[number];

/** The header in which a key is sent; a password is none. */
export function keyHeaderOf(headers: Readonly<Record<string, string>>): KeyHeader | undefined {
  return KEY_HEADERS.find((name) => {
    const value = headers[name];
    return value !== undefined && (name !== 'authorization' || /^bearer /i.test(value));
  });
}
