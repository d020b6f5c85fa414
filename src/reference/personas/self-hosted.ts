/**
 * Self-hosted servers that do not run where the tests run, played by their source: Text Generation
 * Inference, OpenVINO Model Server, transformers serve and mistral.rs. Each says what prompt it
 * makes of a trailing assistant message; the rest is shared with the hosted ones.
 */
import { asArray, asObject, type JsonObject } from '../../dialects/json.ts';
import { MODEL_NAME } from '../accounting.ts';
import { ApiError } from '../api-error.ts';
import { templateMessage, textOf } from '../chat-request.ts';
import type { Engine } from '../engine.ts';
import { EventStream, sendJson } from '../http.ts';
import { readInteger, readStops } from '../sampling.ts';
import {
  endsWithAssistant,
  messagesOf,
  modelList,
  type Conversation,
  type HostedPrompt,
} from './hosted.ts';
import { sendAnswer } from './openai-answer.ts';
import type { Exchange, Persona } from './persona.ts';
import { RAW, tell } from './telling.ts';

export function conversationOf(body: JsonObject): Conversation {
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

/** Answers a chat by the prompt that the server makes. */
function chat(
  engine: Engine,
  promptOf: PromptOf,
  reasoningField = 'reasoning_content',
  usageWithFinish = false,
) {
  return async (exchange: Exchange): Promise<void> => {
    const prompt = promptOf(engine, exchange.body);
    await sendAnswer(engine, exchange, prompt, asArray(exchange.body['tools']), {
      reasoningField,
      usageWithFinish,
    });
  };
}

const PARSER =
  'how its reasoning parser reads what goes on inside a thought: the new text is read alone';

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
  lacks: [PARSER, 'its own tool prompt', '/generate and /tokenize'],
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

function ovmsIds(engine: Engine, text: unknown): readonly number[] {
  if (typeof text !== 'string') throw new ApiError(400, 'only single string prompt is supported');
  return engine.encode(text.normalize('NFC'));
}

/** The prompt as it stands, and what follows it; special tokens are told where they are asked for. */
async function ovmsCompletion(engine: Engine, { body, response, pace }: Exchange): Promise<void> {
  const ids = ovmsIds(engine, body['prompt']);
  const options = {
    limit: readInteger(body, ['max_tokens'], -1),
    stop: readStops(body),
    top: 0,
    special: body['skip_special_tokens'] === false,
  };
  const head = { object: 'text_completion', created: 0, model: MODEL_NAME };
  const events = body['stream'] === true ? new EventStream(response) : undefined;
  let whole = '';
  for await (const { step } of tell(engine, pace, ids, options, RAW)) {
    const { text } = step.released;
    whole += text;
    const finish =
      step.ended === undefined ? null : step.ended.type === 'limit' ? 'length' : 'stop';
    if (events !== undefined)
      await events.send({ ...head, choices: [{ index: 0, text, finish_reason: finish }] });
    if (step.ended === undefined) continue;
    const usage = {
      prompt_tokens: ids.length,
      completion_tokens: step.place,
      total_tokens: ids.length + step.place,
    };
    if (events === undefined)
      sendJson(response, 200, {
        ...head,
        choices: [{ index: 0, text: whole, finish_reason: finish }],
        usage,
      });
    else {
      await events.send({ ...head, choices: [], usage });
      await events.send('[DONE]');
      events.end();
    }
  }
}

export const ovms: Persona = {
  name: 'ovms',
  dialect: 'ovms',
  sources: ['openvinotoolkit/model_server #3877', 'src/llm/servable.cpp: chat template arguments'],
  lacks: [PARSER, 'padding and truncation by /v3/tokenize'],
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
      'POST /v3/tokenize': ({ body, response }) =>
        sendJson(response, 200, { tokens: ovmsIds(engine, body['text']) }),
      'POST /v3/completions': (exchange) => ovmsCompletion(engine, exchange),
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
  lacks: [PARSER, 'the order of the names in its complaint, which is a set’s'],
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
  lacks: [PARSER],
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
