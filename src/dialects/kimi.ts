/**
 * Moonshot's Kimi. A message to be continued carries `partial: true`; the answer holds only what
 * is new. Without it a trailing assistant message is a past turn.
 */
import type { Dialect, Hosted } from './dialect.ts';
import { connectText, lists } from './text-level-connect.ts';
import { markedMessages, openaiApi } from './text-level-openai.ts';

const HOSTED: Hosted = {
  domains: ['moonshot.ai', 'moonshot.cn', 'kimi.ai'],
  keyVariable: 'MOONSHOT_API_KEY',
};
const REASONING_FIELD = 'reasoning_content';

export const kimi: Dialect = {
  name: 'kimi',
  limits: [
    'tells no token ids, no log-probabilities and no prompts: texts are compared',
    'not every model takes tool_choice: "required" or a schema of the content',
    'some models fix the temperature: their answers differ from run to run, and then a text that differs is no finding',
  ],
  hosted: HOSTED,
  recognises: (ask) => lists(ask, '/v1/models', (model) => model['owned_by'] === 'moonshot'),
  connect: (options, signal) =>
    connectText(
      {
        dialect: 'kimi',
        oracle: 'prompt-count',
        hosted: HOSTED,
        api: (model) =>
          openaiApi({
            model,
            reasoningField: REASONING_FIELD,
            more: (request) => ({
              ...(request.thinking === undefined
                ? {}
                : { thinking: { type: request.thinking ? 'enabled' : 'disabled' } }),
              ...(request.prefill !== undefined && request.flags === true
                ? { messages: markedMessages(request, REASONING_FIELD, { partial: true }) }
                : {}),
            }),
          }),
      },
      options,
      signal,
    ),
};
