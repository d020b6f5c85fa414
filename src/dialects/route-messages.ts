/**
 * `/v1/messages`, Anthropic's form, as llama.cpp and vLLM have it beside their chat: a conversation
 * and what is held of its answer, as blocks. Thinking blocks are sent without a signature, which
 * neither asks for. Both let `chat_template_kwargs` through. Neither reads the continuation flags:
 * llama.cpp goes on with a trailing assistant message unasked, vLLM closes its turn in silence.
 *
 * An unfinished tool call has no place in this form: its arguments are an object.
 */
import type { ToolChoice } from '../scenario/schema.ts';
import { anthropicReader, turnOf } from './anthropic.ts';
import type { ChatRequest } from './dialect.ts';
import type { JsonObject } from './json.ts';
import type { RouteApi } from './route.ts';

export const messagesRoute: RouteApi = {
  path: '/v1/messages',
  body: (request, { maxTokens, stop }) => ({
    ...messagesBody(request),
    max_tokens: maxTokens,
    ...(stop === undefined ? {} : { stop_sequences: stop }),
    stream: true,
  }),
  reader: anthropicReader,
};

function messagesBody(request: ChatRequest): JsonObject {
  const { messages, tools, toolChoice, responseFormat, thinking, prefill, flags } = request;
  const system = messages.filter(({ role }) => role === 'system').map(({ content }) => content);
  const turns = messages.filter(({ role }) => role !== 'system').map(turnOf);
  if (prefill !== undefined)
    turns.push({ ...turnOf({ role: 'assistant', ...prefill }), ...prefill.wire });
  return {
    ...(system.length === 0 ? {} : { system: system.join('\n\n') }),
    messages: turns,
    ...(tools.length === 0
      ? {}
      : {
          tools: tools.map(({ name, description, parameters }) => ({
            name,
            description,
            input_schema: parameters,
          })),
        }),
    ...(toolChoice === undefined ? {} : { tool_choice: { type: CHOICES[toolChoice] } }),
    ...(responseFormat === undefined
      ? {}
      : { output_config: { format: { type: 'json_schema', schema: responseFormat.schema } } }),
    ...(thinking === undefined ? {} : { chat_template_kwargs: { enable_thinking: thinking } }),
    ...(prefill !== undefined && flags === true
      ? { continue_final_message: true, add_generation_prompt: false }
      : {}),
  };
}

const CHOICES: Readonly<Record<ToolChoice, string>> = {
  auto: 'auto',
  required: 'any',
  none: 'none',
};
