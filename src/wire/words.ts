/** A server's own words, dug out of the shapes in which servers report errors. */
import { parseJson } from '../parse-json.ts';

/** Longest plain text that is repeated as a message, in characters. */
const TEXT_LIMIT = 2000;

/**
 * The message in an error body: `{error: {message}}`, `{error: "…"}`, `{message}`, `{detail}`
 * (also FastAPI's list of them), `{metadata: {raw}}`, or plain text. An HTML page is named by its title. Undefined
 * when there are no words in it.
 */
export function wordsOf(body: string): string | undefined {
  const text = body.trim();
  const json = parsed(text);
  if (json !== undefined) return dig(json);
  if (/^<(!doctype|html|head|body|\?xml)/i.test(text)) {
    const title = /<title[^>]*>([^<]*)/i.exec(text)?.[1]?.trim();
    return title ? `an HTML page titled "${title}"` : 'an HTML page';
  }
  return text === '' ? undefined : clip(text, TEXT_LIMIT);
}

/**
 * True when a JSON value reports an error: a top-level `error` that is an object or text, or
 * `object: "error"`, which older vLLM sends inside a stream.
 */
export function reportsError(value: unknown): boolean {
  if (!isRecord(value)) return false;
  const error = value['error'];
  return (
    isRecord(error) || (typeof error === 'string' && error !== '') || value['object'] === 'error'
  );
}

/** The value of a JSON text; undefined when it is not JSON, or nested too deeply. */
export function parsed(text: string): unknown {
  try {
    return parseJson(text);
  } catch {
    return undefined;
  }
}

/** The beginning of a text for a message: at most `limit` characters. */
export function clip(text: string, limit: number): string {
  return text.length <= limit ? text : `${text.slice(0, limit)}…`;
}

/** The beginning of a text as one line of visible characters, in quotation marks. */
export function quoted(text: string, limit = 120): string {
  return JSON.stringify(clip(text, limit));
}

function dig(value: unknown): string | undefined {
  if (typeof value === 'string') return value.trim() || undefined;
  if (Array.isArray(value)) return value.map(detailOf).filter(Boolean).join('; ') || undefined;
  if (!isRecord(value)) return undefined;
  // OpenRouter: the provider's own words, as JSON text.
  const raw = isRecord(value['metadata']) ? value['metadata']['raw'] : undefined;
  if (typeof raw === 'string' && raw !== '') return wordsOf(raw);
  return dig(value['error']) ?? dig(value['message']) ?? dig(value['detail']);
}

/** One entry of FastAPI's `detail` list: `{loc: ["body", "messages"], msg: "Field required"}`. */
function detailOf(entry: unknown): string | undefined {
  if (!isRecord(entry) || typeof entry['msg'] !== 'string') return dig(entry);
  const place = Array.isArray(entry['loc']) ? `${entry['loc'].join('.')}: ` : '';
  return place + entry['msg'];
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
