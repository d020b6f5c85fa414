/** The ways in which clients send a resume to a gateway: a route and an arm, each one raw body. */
import type { JsonObject } from '../dialects/json.ts';
import { openaiConstraints, openaiMessages, openaiTools } from '../dialects/openai.ts';
import { CHAT_PATH, MESSAGES_PATH } from '../dialects/rendered-body.ts';
import type { HopRequest } from '../diagnosis/hop-fields.ts';
import type { Scenario } from '../scenario/schema.ts';
import { requestOf } from '../seam/generate.ts';
import type { View } from '../seam/generation.ts';
import { hasOpenCall, messagesBody } from './hop-messages.ts';

export interface HopArm {
  readonly route: typeof CHAT_PATH | typeof MESSAGES_PATH;
  readonly arm: 'plain' | 'flags' | 'extra_body' | 'prefix' | 'parts+flags';
}

/** In the order of reports. */
export const HOP_ARMS: readonly HopArm[] = [
  { route: MESSAGES_PATH, arm: 'plain' },
  { route: MESSAGES_PATH, arm: 'prefix' },
  { route: MESSAGES_PATH, arm: 'flags' },
  { route: MESSAGES_PATH, arm: 'extra_body' },
  { route: CHAT_PATH, arm: 'plain' },
  { route: CHAT_PATH, arm: 'prefix' },
  { route: CHAT_PATH, arm: 'flags' },
  { route: CHAT_PATH, arm: 'extra_body' },
  { route: CHAT_PATH, arm: 'parts+flags' },
];

/** The arms that can ask a scenario: the Messages API cannot ask for JSON of a schema. */
export function armsFor({ responseFormat }: Scenario): readonly HopArm[] {
  return responseFormat === undefined
    ? HOP_ARMS
    : HOP_ARMS.filter(({ route }) => route === CHAT_PATH);
}

const FLAGS: JsonObject = { continue_final_message: true, add_generation_prompt: false };

/** The request of an arm for what a client holds; one token is asked for, since it is really sent. */
export function armRequest(
  { route, arm }: HopArm,
  scenario: Scenario,
  view: View,
  model: string,
): HopRequest {
  const conversation =
    route === CHAT_PATH ? chatBody(scenario, view) : messagesBody(scenario, view);
  const messages = conversation.messages.map((message, i, all) =>
    i === all.length - 1 ? markedFor(arm, message) : message,
  );
  return {
    path: route,
    body: {
      model,
      max_tokens: 1,
      temperature: 0,
      ...conversation,
      messages,
      ...(scenario.thinking === undefined
        ? {}
        : { chat_template_kwargs: { enable_thinking: scenario.thinking } }),
      ...(arm === 'flags' || arm === 'parts+flags' ? FLAGS : {}),
      ...(arm === 'extra_body' ? { extra_body: FLAGS } : {}),
    },
  };
}

interface Conversation extends JsonObject {
  readonly messages: readonly JsonObject[];
}

function chatBody(scenario: Scenario, view: View): Conversation {
  const { content, reasoning, toolCalls } = view;
  const request = requestOf(scenario);
  const prefill = {
    content,
    ...(reasoning === '' ? {} : { reasoning }),
    ...(toolCalls.length === 0 ? {} : { toolCalls }),
  };
  return {
    messages: openaiMessages({ ...request, prefill }, 'reasoning_content'),
    ...(scenario.tools.length === 0 ? {} : { tools: openaiTools(scenario.tools) }),
    ...openaiConstraints(request),
  };
}

function markedFor(arm: HopArm['arm'], message: JsonObject): JsonObject {
  if (arm === 'prefix') return { ...message, prefix: true };
  const { content } = message;
  if (arm !== 'parts+flags' || typeof content !== 'string' || content.length < 2) return message;
  const characters = Array.from(content);
  const middle = Math.ceil(characters.length / 2);
  const parts = [characters.slice(0, middle), characters.slice(middle)];
  return { ...message, content: parts.map((part) => ({ type: 'text', text: part.join('') })) };
}

/** More than its first character has been read. */
function inContent({ content }: View): boolean {
  return content.length > 1;
}

function hasCalls({ toolCalls }: View): boolean {
  return toolCalls.length > 0;
}

/**
 * Cuts that show what a hop does: inside a tool call and at its end, inside the content, inside the
 * reasoning, where text ends in whitespace, at the ends of the content.
 */
export function hopCuts(views: readonly View[], most: number): number[] {
  const find = (holds: (view: View) => boolean, nth: number): number | undefined => {
    const found = views.flatMap((view, k) => (holds(view) ? [k] : []));
    return found[Math.floor((found.length - 1) * nth)];
  };
  const wanted = [
    find((view) => hasOpenCall(view) && view.toolCalls.at(-1)?.arguments !== '', 0.5),
    find((view) => hasCalls(view) && !hasOpenCall(view), 1),
    find((view) => inContent(view) && !hasCalls(view), 0.5),
    find((view) => view.content === '' && view.reasoning.length > 1 && !hasCalls(view), 0.5),
    find(({ content }) => /\S\s+$/.test(content), 0.5),
    find(inContent, 0),
    find((view) => inContent(view) && !hasCalls(view), 1),
  ];
  return [...new Set(wanted.filter((k) => k !== undefined))]
    .slice(0, most)
    .toSorted((a, b) => a - b);
}
