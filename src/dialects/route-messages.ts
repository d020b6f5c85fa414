/**
 * `/v1/messages`, Anthropic's form, as llama.cpp and vLLM have it beside their chat: a conversation
 * and what is held of its answer, as blocks. Thinking blocks are sent without a signature, which
 * neither asks for. Both let `chat_template_kwargs` through. Neither reads the continuation flags:
 * llama.cpp goes on with a trailing assistant message unasked, vLLM closes its turn in silence.
 *
 * An unfinished tool call has no place in this form: its arguments are an object.
 */
import { anthropicReader, conversationOf } from './anthropic.ts';
import type { RouteApi } from './route-api.ts';
import { flagsAndThinking } from './template-body.ts';

export const messagesRoute: RouteApi = {
  path: '/v1/messages',
  body: (request, { maxTokens, stop }) => ({
    ...conversationOf(request),
    ...flagsAndThinking(request),
    max_tokens: maxTokens,
    ...(stop === undefined ? {} : { stop_sequences: stop }),
    stream: true,
  }),
  reader: anthropicReader,
};
