/**
 * SGLang. `continue_final_message` takes the last message off, renders the rest and encodes its
 * content apart; reasoning and tool calls of that message are dropped. Without the flag the server
 * takes the message for a user's. Its `/v1/tokenize` refuses `add_generation_prompt: false`, so
 * that this flag is never sent.
 */
import type { ChatRequest, Dialect } from './dialect.ts';
import { asObject, asString, type JsonObject } from './json.ts';
import { connectText } from './text-level-connect.ts';
import { openaiApi } from './text-level-openai.ts';

export const sglang: Dialect = {
  name: 'sglang',
  limits: [
    'a chat stream tells no token ids: texts are compared',
    'reasoning and tool calls of the message that goes on are dropped by the server',
    'without the flag a trailing assistant message becomes a user message, and nothing says so',
  ],
  async recognises(ask) {
    const info = asObject(await ask({ method: 'GET', path: '/get_model_info' }));
    return asString(info?.['model_path']) !== undefined && info?.['is_generation'] !== undefined;
  },
  connect: (options, signal) =>
    connectText(
      {
        dialect: 'sglang',
        oracle: 'prompt-count',
        api: (model) => openaiApi({ model, more: ways }),
      },
      options,
      signal,
    ),
};

function ways({ prefill, flags, thinking }: ChatRequest): JsonObject {
  return {
    ...(thinking === undefined ? {} : { chat_template_kwargs: { enable_thinking: thinking } }),
    ...(prefill !== undefined && flags === true ? { continue_final_message: true } : {}),
  };
}
