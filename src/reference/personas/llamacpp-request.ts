/**
 * How llama.cpp reads a chat request: which trailing message it continues, what it refuses, and
 * the prompt that it makes. Builds before May 2026 knew one way only, and refused it for templates
 * that think.
 */
import { asArray, asObject, asString, type JsonObject } from '../../dialects/json.ts';
import { ApiError } from '../api-error.ts';
import { checkMessage, templateMessage, textOf, type ChatRequest } from '../chat-request.ts';
import type { Engine, ReadyPrompt } from '../engine.ts';
import type { Style, StyleName } from '../style.ts';

/** The texts around a thought, as the newest build finds them by rendering the template twice. */
const THINKING: Readonly<Record<StyleName, readonly [string, string] | undefined>> = {
  chatml: ['<think>\n', '\n</think>\n\n'],
  deepseek: ['<think>', '</think>'],
  gemma: undefined,
  harmony: [
    '<|channel|>analysis<|message|>',
    '<|end|><|start|>assistant<|channel|>final<|message|>',
  ],
};

/** A request with what decides its prompt on a real build. */
export interface LlamacppRequest extends ChatRequest {
  /** The last message, where it is continued, whoever it is from. */
  readonly continued: JsonObject | undefined;
}

type Continuation = 'none' | 'auto' | 'content' | 'reasoning_content';

/** Reads a request as the newest build does. */
export function readNew(body: JsonObject): LlamacppRequest {
  const raw = messagesOf(body);
  let wanted = readContinuation(body['continue_final_message']);
  let addGenerationPrompt = body['add_generation_prompt'] !== false;
  const last = raw.at(-1);
  const fromAssistant = last?.['role'] === 'assistant';
  if (wanted === 'none' && fromAssistant) {
    refuseTwo(raw);
    wanted = 'auto';
    addGenerationPrompt = false;
  }
  if (wanted !== 'none' && addGenerationPrompt)
    throw new ApiError(
      400,
      'Cannot set both add_generation_prompt and continue_final_message to true.',
    );
  if (wanted !== 'none' && fromAssistant && asArray(last?.['tool_calls']).length > 0)
    throw new ApiError(400, 'Cannot continue an assistant message that contains tool calls.');
  const continued = wanted === 'none' ? undefined : last;
  return requestOf(body, raw, continued, addGenerationPrompt, wanted);
}

/** Reads a request as builds before May 2026 do; the flags of later ones are not known to them. */
export function readOld(body: JsonObject): LlamacppRequest {
  const raw = messagesOf(body);
  const last = raw.at(-1);
  const continued = last?.['role'] === 'assistant' ? last : undefined;
  if (continued !== undefined) {
    refuseTwo(raw);
    if (asObject(body['chat_template_kwargs'])?.['enable_thinking'] !== false)
      throw new ApiError(400, 'Assistant response prefill is incompatible with enable_thinking.');
  }
  const asks = continued !== undefined || body['add_generation_prompt'] !== false;
  return requestOf(body, raw, continued, asks, 'auto');
}

function messagesOf(body: JsonObject): readonly JsonObject[] {
  const list = body['messages'];
  if (list === undefined) throw new ApiError(400, "'messages' is required");
  if (!Array.isArray(list)) throw new ApiError(400, "Expected 'messages' to be an array");
  return list.map(checkMessage);
}

function refuseTwo(raw: readonly JsonObject[]): void {
  if (raw.at(-2)?.['role'] === 'assistant')
    throw new ApiError(400, 'Cannot have 2 or more assistant messages at the end of the list.');
}

function readContinuation(value: unknown): Continuation {
  if (value === undefined || value === null || value === false) return 'none';
  if (value === true) return 'auto';
  if (value === 'content' || value === 'reasoning_content') return value;
  throw new ApiError(
    400,
    'Invalid continue_final_message: expected a boolean, "content" or "reasoning_content"',
  );
}

function requestOf(
  body: JsonObject,
  raw: readonly JsonObject[],
  continued: JsonObject | undefined,
  addGenerationPrompt: boolean,
  wanted: Continuation,
): LlamacppRequest {
  const messages = (continued === undefined ? raw : raw.slice(0, -1)).map((message) => ({
    ...templateMessage(message),
    role: message['role'],
  }));
  const tools = asArray(body['tools']).map(withDescription);
  const kwargs = asObject(body['chat_template_kwargs']) ?? {};
  const trailing =
    continued === undefined
      ? undefined
      : {
          reasoning: asString(continued['reasoning_content']) ?? '',
          content: contentOf(continued['content']),
          calls: [],
        };
  const continues = wanted === 'content' || wanted === 'reasoning_content' ? wanted : undefined;
  const key = JSON.stringify([messages, tools, kwargs, trailing, wanted, addGenerationPrompt]);
  return { messages, tools, kwargs, trailing, continues, addGenerationPrompt, key, continued };
}

/** A list that holds a part is something, also where the part's text is empty. */
function isNothing(content: unknown): boolean {
  return asArray(content).length === 0;
}

/** A continued message's text parts are joined by two line breaks, those of past turns by one. */
function contentOf(content: unknown): string {
  if (typeof content === 'string') return content;
  return asArray(content)
    .map((part) => textOf([part]))
    .join('\n\n');
}

/** A function without a description is given an empty one, before its parameters. */
function withDescription(tool: unknown): unknown {
  const called = asObject(asObject(tool)?.['function']);
  if (called === undefined || called['description'] !== undefined) return tool;
  const { name, ...rest } = called;
  return { ...asObject(tool), function: { name, description: '', ...rest } };
}

/** The newest build's prompt: header, thought between its tags, content; nothing for a message that says nothing. */
export function promptNew(engine: Engine, request: LlamacppRequest): ReadyPrompt {
  const { trailing, continues } = request;
  const conversation = (ask: boolean): string => rendered(engine, request, ask);
  if (trailing === undefined) {
    const text = conversation(request.addGenerationPrompt);
    const opened = openedBy(engine.style, text);
    // Where the template opens a thought in every prompt, its line break comes out as new text.
    const tag = engine.style.name === 'deepseek' && opened !== '' ? '<think>' : opened;
    const withheld = opened.slice(tag.length);
    return { text, ids: engine.encode(text), prefill: tag, withheld };
  }
  const { reasoning, content } = trailing;
  const only = continues ?? (reasoning !== '' && content === '' ? 'reasoning_content' : 'content');
  const blank = reasoning === '' && content === '' && isNothing(request.continued?.['content']);
  if (continues === undefined && blank) {
    const text = conversation(false);
    return { text, ids: engine.encode(text), prefill: '' };
  }
  const tags = THINKING[engine.style.name];
  const thought = tags === undefined ? '' : tags[0] + reasoning;
  const said = only === 'reasoning_content' ? thought : thought + (tags?.[1] ?? '') + content;
  const text = conversation(false) + headerOf(engine.style) + said;
  return { text, ids: engine.encode(text), prefill: said };
}

/**
 * An old build's prompt: the generation prompt and the content; reasoning is left out. The block
 * that switches thinking off is then told as the beginning of the new content.
 */
export function promptOld(engine: Engine, request: LlamacppRequest): ReadyPrompt {
  const text = rendered(engine, request, request.addGenerationPrompt);
  const opened = openedBy(engine.style, text);
  if (request.trailing === undefined) return { text, ids: engine.encode(text), prefill: opened };
  const whole = text + request.trailing.content;
  return { text: whole, ids: engine.encode(whole), prefill: '', withheld: opened };
}

function rendered(engine: Engine, request: LlamacppRequest, addGenerationPrompt: boolean): string {
  const { tools, kwargs } = request;
  // gpt-oss knows developers; other templates are given a system message in their place.
  const messages =
    engine.style.name === 'harmony' ? request.messages : request.messages.map(asSystem);
  return engine.template.render({ messages, tools, kwargs, addGenerationPrompt });
}

function asSystem(message: JsonObject): JsonObject {
  return message['role'] === 'developer' ? { ...message, role: 'system' } : message;
}

/** The header of an answer without the tag that opens a thought. */
function headerOf({ name, generationPrompt }: Style): string {
  return name === 'deepseek' ? '<|Assistant|>' : generationPrompt;
}

/** What a generation prompt already holds of the answer. */
function openedBy(style: Style, text: string): string {
  const header = headerOf(style);
  const at = text.lastIndexOf(header);
  return at < 0 || !text.slice(at + header.length).startsWith('<think>')
    ? ''
    : text.slice(at + header.length);
}
