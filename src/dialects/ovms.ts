/**
 * OpenVINO Model Server. Chat lies under `/v3` and reads no continuation flag; of the template's
 * arguments `add_generation_prompt: false` leaves the new turn out, but the message stays closed.
 * What is left open goes on by `/v3/completions` alone, with the prompt as a text (`raw-text`).
 */
import type { Ask, ChatRequest, ConnectOptions, Dialect } from './dialect.ts';
import { asArray, asObject, asString, type JsonObject } from './json.ts';
import { httpOptions, probe } from './acquaint.ts';
import { connectText } from './text-level-connect.ts';
import { completions, localPrompts } from './ovms-prompts.ts';
import { openaiApi } from './text-level-openai.ts';
import type { LocalPrompts } from './text-level.ts';
import { SeamstressError } from '../errors.ts';
import { HttpClient } from '../wire/http.ts';

export const ovms: Dialect = {
  name: 'ovms',
  limits: [
    'a chat cannot go on with a message: its turn is always closed, and nothing says so',
    'tells no token ids in chats: texts are compared',
    'prompts are known only with the model’s files (`--tokenizer` with its chat template), and without tools',
    'the model is asked for by name: the first of /v1/config where none is given',
  ],
  recognises: async (ask) => (await firstModel(ask)) !== undefined,
  async connect(options, signal) {
    const { model, prompts } = await learn(options, signal);
    return await connectText(
      {
        dialect: 'ovms',
        oracle: 'prompt-count',
        model: { id: model, name: model },
        api: (id) => ({
          ...openaiApi({ model: id, path: '/v3/chat/completions', more: ways }),
          ...(prompts === undefined ? {} : { prompts, raw: completions(id) }),
        }),
      },
      options,
      signal,
    );
  },
};

function ways({ prefill, flags, thinking }: ChatRequest): JsonObject {
  const kwargs = {
    ...(thinking === undefined ? {} : { enable_thinking: thinking }),
    ...(prefill !== undefined && flags === true ? { add_generation_prompt: false } : {}),
  };
  return Object.keys(kwargs).length === 0 ? {} : { chat_template_kwargs: kwargs };
}

/** The first model of the server's configuration, which lists them by name. */
async function firstModel(ask: Ask): Promise<string | undefined> {
  const config = asObject(await ask({ method: 'GET', path: '/v1/config' })) ?? {};
  const found = Object.entries(config).find(([, model]) =>
    asArray(asObject(model)?.['model_version_status']).some(
      (status) => asString(asObject(status)?.['state']) !== undefined,
    ),
  );
  return found?.[0];
}

/** The model to ask for, and its prompts where they can be rendered here. */
async function learn(
  options: ConnectOptions,
  signal: AbortSignal,
): Promise<{ readonly model: string; readonly prompts: LocalPrompts | undefined }> {
  const http = new HttpClient(httpOptions(options));
  try {
    const model = options.model ?? (await modelAt(http, signal));
    return { model, prompts: await localPrompts(http, model, options.files, signal) };
  } finally {
    await http.close();
  }
}

async function modelAt(http: HttpClient, signal: AbortSignal): Promise<string> {
  const ask: Ask = ({ method, path }) =>
    probe(http, { kind: 'OpenVINO Model Server', method, path }, signal);
  const model = await firstModel(ask);
  if (model !== undefined) return model;
  throw new SeamstressError('target', `${http.url} serves no model`, {
    hint: 'Give the root URL of an OpenVINO Model Server, or name the model with --model.',
  });
}
