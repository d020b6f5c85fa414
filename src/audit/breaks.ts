/** The bytes of a break: error answers and made-up endings, in the words of each API. */
import type { Format } from './conversation.ts';

/** What llama.cpp says to a trailing assistant message on a thinking template. */
const PREFILL_REFUSED = 'Assistant response prefill is incompatible with enable_thinking.';
const BROKEN = 'the model runner has stopped';

export function refusalBody(format: Format): object {
  return format === 'chat'
    ? { error: { code: 400, message: PREFILL_REFUSED, type: 'invalid_request_error' } }
    : { type: 'error', error: { type: 'invalid_request_error', message: PREFILL_REFUSED } };
}

export function rateLimitBody(format: Format): object {
  const message = 'Too many requests';
  return format === 'chat'
    ? { error: { code: 429, message, type: 'rate_limit_error' } }
    : { type: 'error', error: { type: 'rate_limit_error', message } };
}

export function errorEvent(format: Format): string {
  return format === 'chat'
    ? frame({ error: { code: 500, message: BROKEN, type: 'server_error' } })
    : named('error', { type: 'error', error: { type: 'api_error', message: BROKEN } });
}

/**
 * The frames of an answer that ends in good order.
 *
 * @param openBlock the index of a content block that is still open, of the messages API
 */
export function finishFrames(
  format: Format,
  model: string | undefined,
  openBlock: number | undefined,
): string {
  if (format === 'chat') {
    const choice = { index: 0, delta: {}, finish_reason: 'stop' };
    const chunk = { object: 'chat.completion.chunk', model, created: 0, id: 'chatcmpl-audit' };
    return `${frame({ ...chunk, choices: [choice] })}data: [DONE]\n\n`;
  }
  const closing =
    openBlock === undefined
      ? ''
      : named('content_block_stop', { type: 'content_block_stop', index: openBlock });
  const delta = { stop_reason: 'end_turn', stop_sequence: null };
  return [
    closing,
    named('message_delta', { type: 'message_delta', delta, usage: { output_tokens: 1 } }),
    named('message_stop', { type: 'message_stop' }),
  ].join('');
}

function frame(data: object): string {
  return `data: ${JSON.stringify(data)}\n\n`;
}

function named(event: string, data: object): string {
  return `event: ${event}\n${frame(data)}`;
}
