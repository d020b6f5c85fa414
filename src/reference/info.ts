/** The endpoints that generate nothing: what the server is, templates and tokens. */
import { asIds, asString, type JsonObject } from '../dialects/json.ts';
import { BUILD, MODEL_NAME } from './accounting.ts';
import { ApiError } from './api-error.ts';
import { readChatRequest } from './chat-request.ts';
import { CONTEXT_LENGTH, SLOTS, type Engine } from './engine.ts';

export function props(engine: Engine): object {
  return {
    default_generation_settings: {
      params: { temperature: 0, n_predict: -1, stream: false },
      n_ctx: CONTEXT_LENGTH,
    },
    total_slots: SLOTS,
    model_alias: MODEL_NAME,
    model_path: MODEL_NAME,
    modalities: { vision: false, video: false, audio: false },
    endpoint_slots: false,
    endpoint_props: true,
    endpoint_metrics: false,
    chat_template: engine.template.source,
    chat_template_caps: {
      supports_object_arguments: true,
      supports_parallel_tool_calls: true,
      supports_preserve_reasoning: false,
      supports_reasoning_effort: false,
      supports_string_content: true,
      supports_system_role: true,
      supports_tool_calls: true,
      supports_tools: true,
      supports_typed_content: false,
    },
    bos_token: '<|endoftext|>',
    eos_token: '<|im_end|>',
    build_info: BUILD,
    is_sleeping: false,
  };
}

export function models(engine: Engine): object {
  const entry = {
    id: MODEL_NAME,
    aliases: [MODEL_NAME],
    tags: [],
    object: 'model',
    created: 0,
    owned_by: 'seamstress',
    meta: {
      vocab_type: 2,
      n_vocab: engine.vocabulary.size,
      n_ctx: CONTEXT_LENGTH,
      n_ctx_train: CONTEXT_LENGTH,
    },
  };
  return { object: 'list', data: [entry] };
}

export function applyTemplate(engine: Engine, body: JsonObject): object {
  return { prompt: engine.render(readChatRequest(body)).text };
}

/**
 * Ids of a text; the thinker has no BOS, so that `add_special` adds nothing.
 *
 * @param encode the ids of a text with its control tokens
 */
export function tokenize(
  engine: Engine,
  body: JsonObject,
  encode: (text: string) => readonly number[] = (text) => engine.tokenize(text),
): object {
  const plain = body['parse_special'] === false;
  // A list may hold ids between its texts; they come back as they are.
  const parts = Array.isArray(body['content']) ? (body['content'] as unknown[]) : [body['content']];
  const ids = parts.flatMap((part): readonly number[] => {
    if (typeof part === 'number') return [part];
    const text = asString(part) ?? '';
    return plain ? engine.vocabulary.encode(text, { control: false }) : encode(text);
  });
  if (body['with_pieces'] !== true) return { tokens: ids };
  return { tokens: ids.map((id) => ({ id, piece: pieceOf(engine.vocabulary.bytes(id)) })) };
}

/** A token's text, or its bytes where they are not whole characters. */
function pieceOf(bytes: Uint8Array): string | number[] {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return [...bytes];
  }
}

export function detokenize(engine: Engine, body: JsonObject): object {
  const ids = body['tokens'] === undefined ? [] : asIds(body['tokens']);
  if (ids === undefined) throw new ApiError(400, '"tokens" must be a list of tokens');
  const unknown = ids.find((id) => !engine.vocabulary.has(id));
  if (unknown !== undefined) throw new ApiError(500, `there is no token ${unknown}`);
  return { content: engine.vocabulary.join(ids).toString('utf8') };
}
