/** Reading how many tokens a request wants and what else it asks about them. */
import { asNumber, type JsonObject } from '../dialects/json.ts';
import { ApiError } from './api-error.ts';

/** A whole number under the first of these names that the body has. */
export function readInteger(body: JsonObject, names: readonly string[], fallback: number): number {
  for (const name of names) {
    const value = body[name] ?? undefined;
    if (value === undefined) continue;
    const number = asNumber(value);
    if (number === undefined)
      throw new ApiError(
        400,
        `Field '${name}': [json.exception.type_error.302] type must be number, but is ${typeof value}`,
      );
    return Math.trunc(number);
  }
  return fallback;
}

/** The stop strings: one text or a list of them. */
export function readStops(body: JsonObject): string[] {
  const stop = body['stop'];
  if (typeof stop === 'string') return [stop];
  return Array.isArray(stop) ? stop.filter((text) => typeof text === 'string') : [];
}
