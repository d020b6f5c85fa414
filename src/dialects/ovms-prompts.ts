/**
 * The prompts of OpenVINO Model Server, which it does not show. Where the model's chat template is
 * at hand they are rendered here, and believed only if the server counts as many tokens: of a chat,
 * of the rendered text by `/v3/tokenize`, and of the same text sent to `/v3/completions`.
 */
import type { HttpClient } from '../wire/http.ts';
import { Refusal } from '../wire/refusal.ts';
import type { ChatRequest, ConnectOptions, SamplingOptions } from './dialect.ts';
import { asArray, asIds, asNumber, asObject, asString, type JsonObject } from './json.ts';
import { openaiMessages } from './openai.ts';
import { templateOfFiles } from './template-file.ts';
import { readUsage } from './text-level-openai.ts';
import type { LocalPrompts, RawApi } from './text-level.ts';

/** A conversation with a past turn, so that its rendering is looked at too. */
const PROBE: ChatRequest = {
  messages: [
    { role: 'system', content: 'Be brief.' },
    { role: 'user', content: 'Hi' },
    { role: 'assistant', content: 'Hello. What is it?' },
    { role: 'user', content: 'Bye' },
  ],
  tools: [],
  thinking: undefined,
};

/** Undefined where no template is at hand, or the server does not count what it gives. */
export async function localPrompts(
  http: HttpClient,
  model: string,
  files: ConnectOptions['files'],
  signal: AbortSignal,
): Promise<LocalPrompts | undefined> {
  const source = await templateOfFiles(files);
  if (source === undefined) return undefined;
  const { ChatTemplate } = await import('../reference/template.ts');
  let local: LocalPrompts['local'];
  let probe: string | undefined;
  try {
    const template = new ChatTemplate(source);
    local = (request) => renderedBy(template, request);
    probe = local(PROBE);
  } catch {
    // Written for another engine's Jinja.
    return undefined;
  }
  if (probe === undefined) return undefined;
  const one = { model, max_tokens: 1, temperature: 0, stream: false };
  const ask = (path: string, body: JsonObject): Promise<JsonObject | undefined> =>
    answerOf(http, path, { ...one, ...body }, signal);
  const messages = openaiMessages(PROBE, REASONING_FIELD);
  const chat = promptTokens(await ask('/v3/chat/completions', { messages }));
  const raw = promptTokens(await ask('/v3/completions', { prompt: probe }));
  const tokenize = { model, text: probe, add_special_tokens: false };
  const ids = asIds((await answerOf(http, '/v3/tokenize', tokenize, signal))?.['tokens']);
  return ids !== undefined && chat === ids.length && raw === ids.length ? { local } : undefined;
}

const REASONING_FIELD = 'reasoning_content';

interface Renderer {
  render(input: {
    readonly messages: readonly unknown[];
    readonly tools: readonly unknown[];
    readonly kwargs: JsonObject;
    readonly addGenerationPrompt: boolean;
  }): string;
}

/** Undefined with tools: how the server prepares them for the template is its own. */
function renderedBy(template: Renderer, request: ChatRequest): string | undefined {
  const { messages, prefill, tools, thinking, flags } = request;
  const calls = [...messages, ...(prefill === undefined ? [] : [prefill])];
  if (tools.length > 0 || calls.some(({ toolCalls }) => toolCalls !== undefined)) return undefined;
  return template.render({
    messages: openaiMessages(request, REASONING_FIELD),
    tools: [],
    kwargs: thinking === undefined ? {} : { enable_thinking: thinking },
    addGenerationPrompt: !(prefill !== undefined && flags === true),
  });
}

async function answerOf(
  http: HttpClient,
  path: string,
  body: JsonObject,
  signal: AbortSignal,
): Promise<JsonObject | undefined> {
  try {
    return asObject((await http.json('POST', path, body, signal)).body);
  } catch (error) {
    if (error instanceof Refusal) return undefined;
    throw error;
  }
}

function promptTokens(answer: JsonObject | undefined): number | undefined {
  return asNumber(asObject(answer?.['usage'])?.['prompt_tokens']);
}

/** `/v3/completions`: no template and no parser, and the tags are told. */
export function completions(model: string): RawApi {
  return {
    path: '/v3/completions',
    body: (prompt: string, { maxTokens, stop }: SamplingOptions) => ({
      model,
      prompt,
      temperature: 0,
      max_tokens: maxTokens,
      ...(stop === undefined ? {} : { stop }),
      skip_special_tokens: false,
      stream: true,
      stream_options: { include_usage: true },
    }),
    reader: () => (event) => {
      const choice = asObject(asArray(event['choices'])[0]);
      return {
        content: asString(choice?.['text']),
        finish: asString(choice?.['finish_reason']),
        ...readUsage(asObject(event['usage'])),
      };
    },
  };
}
