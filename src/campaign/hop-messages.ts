/** A conversation as clients of the Messages API write it: thoughts, calls and results are blocks. */
import { asObject, type JsonObject } from '../dialects/json.ts';
import { parseJson } from '../parse-json.ts';
import type { Message, Scenario, ToolChoice } from '../scenario/schema.ts';
import type { View } from '../seam/generation.ts';

const CHOICES: Readonly<Record<ToolChoice, string>> = {
  auto: 'auto',
  required: 'any',
  none: 'none',
};

/** The fields of a body that ends with what a client holds. */
export function messagesBody(
  { messages, tools, toolChoice }: Scenario,
  view: View,
): JsonObject & { readonly messages: readonly JsonObject[] } {
  const system = messages.filter(({ role }) => role === 'system').map(({ content }) => content);
  const past = messages.filter(({ role }) => role !== 'system');
  return {
    ...(system.length === 0 ? {} : { system: system.join('\n\n') }),
    messages: turnsOf([...past, { role: 'assistant', ...view }]),
    ...(tools.length === 0
      ? {}
      : {
          tools: tools.map(({ name, description, parameters }) => ({
            name,
            description,
            input_schema: parameters,
          })),
        }),
    ...(toolChoice === undefined ? {} : { tool_choice: { type: CHOICES[toolChoice] } }),
  };
}

/** True when the last call of a view is not whole, for which the API has no form. */
export function hasOpenCall({ toolCalls }: Pick<View, 'toolCalls'>): boolean {
  const held = toolCalls.at(-1)?.arguments;
  return held !== undefined && objectIn(held) === undefined;
}

/** Results of tools that follow one another are one message of the user. */
function turnsOf(messages: readonly Message[]): JsonObject[] {
  const turns: { role: string; content: string | JsonObject[] }[] = [];
  for (const [i, message] of messages.entries()) {
    const { role, content, toolCallId } = message;
    if (role !== 'tool') {
      turns.push({ role, content: contentOf(message) });
      continue;
    }
    const result = { type: 'tool_result', tool_use_id: toolCallId ?? 'call_0', content };
    const before = turns.at(-1)?.content;
    if (messages[i - 1]?.role === 'tool' && Array.isArray(before)) before.push(result);
    else turns.push({ role: 'user', content: [result] });
  }
  return turns;
}

function contentOf({ content, reasoning = '', toolCalls = [] }: Message): string | JsonObject[] {
  if (reasoning === '' && toolCalls.length === 0) return content;
  return [
    ...(reasoning === '' ? [] : [{ type: 'thinking', thinking: reasoning, signature: '' }]),
    ...(content === '' ? [] : [{ type: 'text', text: content }]),
    ...toolCalls.map(({ id, name, arguments: held }, i) => ({
      type: 'tool_use',
      id: id ?? `call_${i}`,
      name,
      input: wholeIn(held),
    })),
  ];
}

/**
 * What is whole of an object's text that may be cut anywhere, as the SDKs of the API read it while
 * it streams: members whose values have ended.
 *
 * @example wholeIn('{"city": "Oslo", "unit": "cel') // { city: 'Oslo' }
 */
export function wholeIn(text: string): JsonObject {
  for (let end = text.length; end > 0; end--) {
    const closing = closingOf(text.slice(0, end));
    if (closing === undefined) continue;
    const read = objectIn(text.slice(0, end) + closing);
    if (read !== undefined) return read;
  }
  return {};
}

function objectIn(text: string): JsonObject | undefined {
  try {
    return asObject(parseJson(text));
  } catch {
    return undefined;
  }
}

/** The brackets that are open at the end of a text; undefined inside a string. */
function closingOf(text: string): string | undefined {
  const open: string[] = [];
  let inString = false;
  for (let i = 0; i < text.length; i++) {
    const character = text[i];
    if (inString) {
      if (character === '\\') i++;
      else if (character === '"') inString = false;
    } else if (character === '"') inString = true;
    else if (character === '{') open.unshift('}');
    else if (character === '[') open.unshift(']');
    else if (character === '}' || character === ']') open.shift();
  }
  return inString ? undefined : open.join('');
}
