/**
 * DeepSeek's hosted API. A message to be continued carries `prefix: true` and goes to `/beta`
 * ("Chat Prefix Completion"); its `reasoning_content` is the thinking so far. Log-probabilities
 * come by text, those of the thinking in a list of their own.
 */
import type { ChatRequest, Dialect, Hosted } from './dialect.ts';
import { connectText, lists } from './text-level-connect.ts';
import { markedMessages, openaiApi } from './text-level-openai.ts';

const HOSTED: Hosted = { domains: ['deepseek.com'], keyVariable: 'DEEPSEEK_API_KEY' };
const REASONING_FIELD = 'reasoning_content';

export const deepseek: Dialect = {
  name: 'deepseek',
  limits: [
    'tells no token ids and does not show its prompts: texts are compared',
    'without the marker a trailing assistant message is refused by thinking models, and a past turn for others',
    'it knows JSON, but no schema of it: `response_format: json_schema` is sent, and refused',
    'the token limit counts thinking and answer together',
  ],
  hosted: HOSTED,
  recognises: (ask) => lists(ask, '/models', (model) => model['owned_by'] === 'deepseek'),
  connect: (options, signal) =>
    connectText(
      {
        dialect: 'deepseek',
        oracle: 'prompt-count',
        hosted: HOSTED,
        api: (model) =>
          openaiApi({
            model,
            path: (request) => (marked(request) ? '/beta/chat/completions' : '/chat/completions'),
            reasoningField: REASONING_FIELD,
            logprobs: true,
            more: (request) => ({
              ...(request.thinking === undefined
                ? {}
                : { thinking: { type: request.thinking ? 'enabled' : 'disabled' } }),
              ...(marked(request)
                ? { messages: markedMessages(request, REASONING_FIELD, { prefix: true }) }
                : {}),
            }),
          }),
      },
      // The paths are given from the root, whichever base URL other clients want.
      { ...options, url: options.url.replace(/\/beta\/?$/, '') },
      signal,
    ),
};

function marked({ prefill, flags }: ChatRequest): boolean {
  return prefill !== undefined && flags === true;
}
