/**
 * Text Generation Inference. A trailing assistant message goes on unasked: the render is cut after
 * the last place where the message's text stands, and white space at the end is trimmed. There is
 * no flag.
 */
import type { ChatRequest, Dialect } from './dialect.ts';
import { asObject, asString, type JsonObject } from './json.ts';
import { thinkingArgument } from './template-body.ts';
import { connectText } from './text-level-connect.ts';
import { openaiApi } from './text-level-openai.ts';

export const tgi: Dialect = {
  name: 'tgi',
  limits: [
    'tells no token ids in chats: texts are compared',
    'white space at the end of the message that goes on is trimmed by the server',
    'reasoning goes on only inside the content',
    'a schema is sent as `response_format: {type: "json_object", value}`, which old and new versions read; with tools it is refused',
  ],
  async recognises(ask) {
    const info = asObject(await ask({ method: 'GET', path: '/info' }));
    return (
      asString(info?.['model_id']) !== undefined &&
      (info?.['router'] === 'text-generation-router' || info?.['docker_label'] !== undefined)
    );
  },
  connect: (options, signal) =>
    connectText(
      {
        dialect: 'tgi',
        oracle: 'prompt-count',
        flags: false,
        api: (model) => openaiApi({ model, constraints, more: thinkingArgument }),
      },
      options,
      signal,
    ),
};

/** A grammar has its schema in `value`. */
function constraints({ toolChoice, responseFormat }: ChatRequest): JsonObject {
  return {
    ...(toolChoice === undefined ? {} : { tool_choice: toolChoice }),
    ...(responseFormat === undefined
      ? {}
      : { response_format: { type: 'json_object', value: responseFormat.schema } }),
  };
}
