/** Reading untrusted JSON without casts that lie: each helper gives the value or undefined. */
import { parseJson } from '../parse-json.ts';

export type JsonObject = Readonly<Record<string, unknown>>;

export function asObject(value: unknown): JsonObject | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as JsonObject)
    : undefined;
}

export function asArray(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

export function asString(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

export function asNumber(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined;
}

/** An array of integers, or undefined when any element is something else. */
export function asIds(value: unknown): number[] | undefined {
  if (!Array.isArray(value) || !value.every((id) => Number.isSafeInteger(id))) return undefined;
  return value as number[];
}

/** The bytes of a `bytes` array as servers send it beside a token. */
export function asBytes(value: unknown): Uint8Array {
  return new Uint8Array(asIds(value) ?? []);
}

/** The JSON object of an event's data, or undefined when it is something else or nested too deeply. */
export function parseEvent(data: string): JsonObject | undefined {
  try {
    return asObject(parseJson(data));
  } catch {
    return undefined;
  }
}
