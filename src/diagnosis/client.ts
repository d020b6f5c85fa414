/**
 * Faults of the client: what was sent is not what the strategy meant to send. Both are known, so
 * that such a fault is a fact and never an inference from the prompt.
 */
import { asArray, asObject, asString, type JsonObject } from '../dialects/json.ts';
import type { Prefill, SentRequest } from '../dialects/dialect.ts';
import type { Cause, Named } from './causes.ts';

/** The trailing assistant message of a resume, as it went over the wire. */
export interface SentMessage {
  /** The message's fields; undefined when the conversation did not end with one. */
  readonly fields: JsonObject | undefined;
  /** Names under which this server reads reasoning. */
  readonly reasoningNames: readonly string[];
}

/** Reads the last conversation that was sent; undefined where no request holds one. */
export function sentMessage(requests: readonly SentRequest[]): SentMessage | undefined {
  for (const { url, body } of requests.toReversed()) {
    const messages = asArray(asObject(body)?.['messages']);
    // A format that has a field of its own for the prefill says nothing with its messages.
    if (messages.length === 0 || asObject(body)?.['prefill'] !== undefined) continue;
    const last = asObject(messages.at(-1));
    // Only llama.cpp has this endpoint, and it ignores `reasoning`.
    const reasoningNames = url.endsWith('/apply-template')
      ? ['reasoning_content']
      : ['reasoning_content', 'reasoning'];
    return {
      fields: asString(last?.['role']) === 'assistant' ? last : undefined,
      reasoningNames,
    };
  }
  return undefined;
}

/** Names what the client did to the message; undefined when it sent what it meant to send. */
export function nameClientCause(meant: Prefill, sent: SentMessage): Named | undefined {
  const { fields, reasoningNames } = sent;
  const reasoning = meant.reasoning ?? '';
  const texts = reasoning + meant.content;
  if (fields === undefined)
    return texts === '' && !calls(meant) ? undefined : named('client-drops-message');
  const sentContent = asString(fields['content']);
  const sentReasoning =
    reasoningNames.map((name) => asString(fields[name])).find((text) => text !== undefined) ?? '';
  const elsewhere = Object.keys(fields).find(
    (name) => !reasoningNames.includes(name) && name !== 'content' && fields[name] === reasoning,
  );
  if (reasoning !== '' && sentReasoning === '' && elsewhere !== undefined)
    return { cause: 'reasoning-misnamed', detail: elsewhere };
  if (sentContent === undefined)
    return fields['content'] == null && asArray(fields['tool_calls']).length === 0
      ? named('content-missing')
      : undefined;
  if (sentContent === meant.content && sentReasoning === reasoning) return undefined;
  if (sentContent === '' && sentReasoning === '') return named('client-sends-empty');
  if ((sentContent + sentReasoning).includes('\uFFFD') && !texts.includes('\uFFFD'))
    return named('client-breaks-character');
  const trimmed =
    sentContent.trim() === meant.content.trim() && sentReasoning.trim() === reasoning.trim();
  return trimmed ? named('client-trims-whitespace') : undefined;
}

function calls(meant: Prefill): boolean {
  return (meant.toolCalls?.length ?? 0) > 0;
}

function named(cause: Cause): Named {
  return { cause, detail: '' };
}
