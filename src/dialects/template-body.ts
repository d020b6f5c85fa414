/**
 * The part of a chat request that its prompt is made of, in the fields that llama.cpp, vLLM and
 * SGLang take. Servers that read less of it are sent less.
 */
import type { ChatRequest } from './dialect.ts';
import type { JsonObject } from './json.ts';
import { openaiConstraints, openaiMessages, openaiTools } from './openai.ts';

/** What says that the last message goes on. */
const FLAGS: JsonObject = { continue_final_message: true, add_generation_prompt: false };

/** Messages, tools, constraints, template arguments and, where they are asked for, the flags. */
export function templateBody(
  request: ChatRequest,
  reasoningField: string,
  flags: JsonObject = FLAGS,
): JsonObject {
  return {
    messages: openaiMessages(request, reasoningField),
    ...(request.tools.length > 0 ? { tools: openaiTools(request.tools) } : {}),
    ...openaiConstraints(request),
    ...thinkingArgument(request),
    ...flagsOf(request, flags),
  };
}

/** The wish to think or not, as an argument of the template. */
export function thinkingArgument({ thinking }: ChatRequest): JsonObject {
  return thinking === undefined ? {} : { chat_template_kwargs: { enable_thinking: thinking } };
}

/** The continuation flags of a request that asks for them. */
export function flagsOf({ prefill, flags }: ChatRequest, sent: JsonObject = FLAGS): JsonObject {
  return prefill !== undefined && flags === true ? sent : {};
}

/** Template arguments and continuation flags, as most open servers know them. */
export function flagsAndThinking(request: ChatRequest): JsonObject {
  return { ...thinkingArgument(request), ...flagsOf(request) };
}
