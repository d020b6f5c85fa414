/**
 * Self-hosted servers that do not run where the tests run, played by their source: SGLang, Text
 * Generation Inference, OpenVINO Model Server, transformers serve and mistral.rs. Each says what
 * prompt it makes of a trailing assistant message; the rest is shared with the hosted ones.
 */
import { asArray, asIds, asObject, asString, type JsonObject } from '../../dialects/json.ts';
import { MODEL_NAME } from '../accounting.ts';
import { ApiError } from '../api-error.ts';
import { templateMessage, textOf } from '../chat-request.ts';
import type { Engine } from '../engine.ts';
import { sendJson } from '../http.ts';
import {
  endsWithAssistant,
  messagesOf,
  modelList,
  newTurnPrompt,
  streamChunks,
  type Conversation,
  type HostedPrompt,
} from './hosted.ts';
import type { Exchange, Persona } from './persona.ts';

function conversationOf(body: JsonObject): Conversation {
  const thinking = asObject(body['chat_template_kwargs'])?.['enable_thinking'];
  return {
    messages: messagesOf(body),
    tools: asArray(body['tools']),
    thinking: typeof thinking === 'boolean' ? thinking : undefined,
  };
}

/** The text of a conversation by the template, its last message a past turn like the others. */
function rendered(
  engine: Engine,
  conversation: Conversation,
  addGenerationPrompt: boolean,
): string {
  const { messages, tools, thinking } = conversation;
  return engine.template.render({
    messages: messages.map(templateMessage),
    tools,
    kwargs: thinking === undefined ? {} : { enable_thinking: thinking },
    addGenerationPrompt,
  });
}

function promptOfText(engine: Engine, text: string): HostedPrompt {
  return { ids: engine.encode(text.normalize('NFC')), prefill: '' };
}

type PromptOf = (engine: Engine, body: JsonObject) => HostedPrompt;

/** Answers a chat by the prompt that the server makes; only streams are played. */
function chat(
  engine: Engine,
  promptOf: PromptOf,
  reasoningField = 'reasoning_content',
  usageWithFinish = false,
) {
  return async (exchange: Exchange): Promise<void> => {
    if (exchange.body['stream'] !== true)
      throw new ApiError(501, 'the persona plays streamed answers only');
    const prompt = promptOf(engine, exchange.body);
    await streamChunks(engine, exchange, prompt, asArray(exchange.body['tools']), {
      reasoningField,
      usageWithFinish,
    });
  };
}

const STREAMS_ONLY = 'answers that are not streamed';
const PARSER =
  'how its reasoning parser reads what goes on inside a thought: the new text is read alone';

/** The text is encoded apart from the header; reasoning and tool calls of the message are lost. */
function sglangPrompt(engine: Engine, body: JsonObject): HostedPrompt {
  const conversation = conversationOf(body);
  const { messages } = conversation;
  if (!endsWithAssistant(messages)) return newTurnPrompt(engine, conversation);
  const before = messages.slice(0, -1);
  if (body['continue_final_message'] !== true)
    return newTurnPrompt(engine, {
      ...conversation,
      messages: [...before, { role: 'user', content: textOf(messages.at(-1)?.['content']) }],
    });
  const header = newTurnPrompt(engine, { ...conversation, messages: before });
  const said = engine.encode(textOf(messages.at(-1)?.['content']).normalize('NFC'));
  return { ids: [...header.ids, ...said], prefill: '' };
}

export const sglang: Persona = {
  name: 'sglang',
  dialect: 'sglang',
  sources: [
    'python/sglang/srt/entrypoints/openai/serving_chat.py: the final message is taken off, and its content encoded apart',
    'python/sglang/srt/entrypoints/openai/serving_tokenize.py',
  ],
  lacks: [STREAMS_ONLY, PARSER, '/generate and input_ids'],
  routes: (engine) => ({
    'GET /health': ({ response }) => {
      response.writeHead(200).end();
    },
    'GET /get_model_info': ({ response }) =>
      sendJson(response, 200, {
        model_path: MODEL_NAME,
        tokenizer_path: MODEL_NAME,
        is_generation: true,
      }),
    'GET /v1/models': ({ response }) =>
      sendJson(response, 200, modelList([MODEL_NAME], { owned_by: 'sglang', root: MODEL_NAME })),
    'POST /v1/tokenize': ({ body, response }) => {
      const text = asString(body['prompt']);
      if (text === undefined)
        throw new ApiError(400, 'Invalid prompt type. Expected str or List[str].');
      const tokens = engine.encode(text.normalize('NFC'));
      sendJson(response, 200, { tokens, count: tokens.length, max_model_len: 4096 });
    },
    'POST /v1/detokenize': ({ body, response }) =>
      sendJson(response, 200, {
        text: engine.vocabulary.join(asIds(body['tokens']) ?? []).toString('utf8'),
      }),
    'POST /v1/chat/completions': chat(engine, sglangPrompt),
  }),
  errorBody: ({ message, status }) => ({
    object: 'error',
    message,
    type: 'BadRequestError',
    param: null,
    code: status,
  }),
};

/** The render is cut after the last place where the message's text stands, and trimmed at its end. */
function tgiPrompt(engine: Engine, body: JsonObject): HostedPrompt {
  const conversation = conversationOf(body);
  const text = rendered(engine, conversation, true);
  const last = conversation.messages.at(-1);
  const content = textOf(last?.['content']);
  const at = endsWithAssistant(conversation.messages) ? text.lastIndexOf(content) : -1;
  return promptOfText(engine, at < 0 ? text : text.slice(0, at + content.length).trimEnd());
}

export const tgi: Persona = {
  name: 'tgi',
  dialect: 'tgi',
  sources: ['router/src/infer/chat_template.rs: ChatTemplate::apply'],
  lacks: [STREAMS_ONLY, PARSER, 'its own tool prompt', '/generate and /tokenize'],
  routes: (engine) => ({
    'GET /health': ({ response }) => {
      response.writeHead(200).end();
    },
    'GET /info': ({ response }) =>
      sendJson(response, 200, {
        model_id: MODEL_NAME,
        max_concurrent_requests: 128,
        router: 'text-generation-router',
        version: '3.3.6',
        docker_label: null,
      }),
    'GET /v1/models': ({ response }) =>
      sendJson(response, 200, modelList([MODEL_NAME], { owned_by: MODEL_NAME, created: 0 })),
    'POST /v1/chat/completions': chat(engine, tgiPrompt),
  }),
  errorBody: ({ message }) => ({ error: message, error_type: 'validation' }),
};

/** Only the template's own arguments are read; the turn stays closed whatever is asked. */
function ovmsPrompt(engine: Engine, body: JsonObject): HostedPrompt {
  const asks = asObject(body['chat_template_kwargs'])?.['add_generation_prompt'] !== false;
  return promptOfText(engine, rendered(engine, conversationOf(body), asks));
}

export const ovms: Persona = {
  name: 'ovms',
  dialect: 'ovms',
  sources: ['openvinotoolkit/model_server #3877', 'src/llm/servable.cpp: chat template arguments'],
  lacks: [STREAMS_ONLY, PARSER, '/v3/completions, its true continuation'],
  routes: (engine) => {
    const answer = chat(engine, ovmsPrompt);
    return {
      'GET /v2/health/ready': ({ response }) => {
        response.writeHead(200).end();
      },
      'GET /v1/config': ({ response }) =>
        sendJson(response, 200, {
          [MODEL_NAME]: {
            model_version_status: [
              {
                version: '1',
                state: 'AVAILABLE',
                status: { error_code: 'OK', error_message: 'OK' },
              },
            ],
          },
        }),
      'GET /v3/models': ({ response }) =>
        sendJson(response, 200, modelList([MODEL_NAME], { owned_by: 'OVMS', created: 0 })),
      'POST /v3/chat/completions': answer,
    };
  },
  errorBody: ({ message }) => ({ error: message }),
};

/** Fields of a chat request that transformers serve knows; it refuses any other by its name. */
const TRANSFORMERS_FIELDS = new Set(
  (
    'messages model audio frequency_penalty function_call functions logit_bias logprobs ' +
    'max_completion_tokens max_tokens metadata modalities n parallel_tool_calls prediction ' +
    'presence_penalty reasoning_effort response_format seed service_tier stop store stream ' +
    'stream_options temperature tool_choice tools top_logprobs top_p user web_search_options ' +
    'generation_config chat_template_kwargs'
  ).split(' '),
);

function transformersPrompt(engine: Engine, body: JsonObject): HostedPrompt {
  const unknown = Object.keys(body).filter((field) => !TRANSFORMERS_FIELDS.has(field));
  if (unknown.length > 0) {
    const names = unknown.map((field) => `'${field}'`).join(', ');
    throw new ApiError(422, `Unexpected fields in the request: {${names}}`);
  }
  return promptOfText(engine, rendered(engine, conversationOf(body), true));
}

export const transformersServe: Persona = {
  name: 'transformers-serve',
  dialect: 'transformers',
  sources: [
    'transformers/cli/serving/chat_completion.py: add_generation_prompt=True, always',
    'transformers/cli/serving/utils.py: _validate_request',
  ],
  lacks: [STREAMS_ONLY, PARSER, 'the order of the names in its complaint, which is a set’s'],
  routes: (engine) => ({
    'GET /health': ({ response }) => sendJson(response, 200, { status: 'ok' }),
    'GET /openapi.json': ({ response }) =>
      sendJson(response, 200, {
        openapi: '3.1.0',
        info: { title: 'FastAPI', version: '0.1.0' },
        paths: { '/v1/chat/completions': {}, '/v1/responses': {}, '/load_model': {}, '/reset': {} },
      }),
    'GET /v1/models': ({ response }) =>
      sendJson(response, 200, modelList([MODEL_NAME], { owned_by: '', created: 0 })),
    'POST /v1/chat/completions': chat(engine, transformersPrompt, 'reasoning_content', true),
  }),
  errorBody: ({ message }) => ({ detail: message }),
};

export const mistralrs: Persona = {
  name: 'mistral.rs',
  dialect: 'mistral.rs',
  sources: [
    'mistralrs-server-core: the chat template is always applied with a generation prompt',
    'mistralrs-server-core/src/openapi_doc.rs: the title of its API document',
  ],
  lacks: [STREAMS_ONLY, PARSER],
  routes: (engine) => ({
    'GET /health': ({ response }) => {
      response.writeHead(200).end('OK');
    },
    'GET /api-doc/openapi.json': ({ response }) =>
      sendJson(response, 200, { openapi: '3.1.0', info: { title: 'Mistral.rs' }, paths: {} }),
    'GET /v1/models': ({ response }) =>
      sendJson(
        response,
        200,
        modelList(['default', MODEL_NAME], { owned_by: 'local', created: 0 }),
      ),
    'POST /v1/chat/completions': chat(engine, (_, body) =>
      promptOfText(engine, rendered(engine, conversationOf(body), true)),
    ),
  }),
  errorBody: ({ message }) => ({ message }),
};
