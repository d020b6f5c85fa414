/**
 * What a client wants to know of a server before it sends an unfinished assistant message: in which
 * situations that is continued. Each answer says which layer it comes from: set by the user,
 * inferred from the chat template, probed by rendering, or assumed. Where the server itself shows
 * otherwise than its template suggests, the server counts.
 */
import type { ChatRequest, Prefill, Rendered, Target } from '../dialects/dialect.ts';
import { messageOf } from '../errors.ts';
import { ChatTemplate } from '../reference/template.ts';
import type { Message } from '../scenario/schema.ts';
import { Refusal } from '../wire/refusal.ts';

export const SITUATIONS = [
  'plain',
  'thinking',
  'reasoning-only',
  'empty',
  'after-tool-call',
] as const;
export type Situation = (typeof SITUATIONS)[number];

export type Layer = 'user' | 'inferred' | 'probed' | 'default';

/** Whether a trailing assistant message is continued in one situation. */
export interface Capability {
  readonly situation: Situation;
  readonly works: boolean;
  readonly layer: Layer;
  /** Whether the server's continuation flags are needed; undefined where that is not known. */
  readonly flags: 'needed' | 'not needed' | undefined;
  /** One line: what was seen. */
  readonly why: string;
}

/** Longest template that is rendered here, in characters, and longest range that it may name. */
const LONGEST_TEMPLATE = 200_000;
const LONGEST_RANGE = 10_000;

const REASONING = 'Let me add them up.';
const CONTENT = 'The sum is';
const ASKED: Message = { role: 'user', content: 'Add 47 and 25.' };
const CALL = { id: 'call_1', name: 'add', arguments: '{"a": 47, "b": 25}' };
const CALLED: readonly Message[] = [
  ASKED,
  { role: 'assistant', content: '', toolCalls: [CALL] },
  { role: 'tool', content: '72', toolCallId: CALL.id },
];
const TOOL = {
  name: 'add',
  description: 'Adds two numbers.',
  parameters: {
    type: 'object',
    properties: { a: { type: 'integer' }, b: { type: 'integer' } },
    required: ['a', 'b'],
  },
};

interface Trial {
  readonly request: ChatRequest;
  readonly prefill: Prefill;
  /** What the prompt must end with; undefined: the prompt must be that without a prefill. */
  readonly end: string | undefined;
}

const TRIALS: Readonly<Record<Situation, Trial>> = {
  plain: trial([ASKED], false, { content: CONTENT }, CONTENT),
  thinking: trial([ASKED], true, { reasoning: REASONING, content: CONTENT }, CONTENT),
  'reasoning-only': trial([ASKED], true, { reasoning: REASONING, content: '' }, REASONING),
  empty: trial([ASKED], false, { content: '' }, undefined),
  'after-tool-call': trial(CALLED, false, { content: CONTENT }, CONTENT),
};

function trial(
  messages: readonly Message[],
  thinking: boolean,
  prefill: Prefill,
  end: string | undefined,
): Trial {
  const tools = messages.length > 1 ? [TOOL] : [];
  return { request: { messages, tools, thinking }, prefill, end };
}

/** @param assumed what the user sets; it is not asked for */
export async function askCapabilities(
  target: Target,
  assumed: Readonly<Partial<Record<Situation, boolean>>>,
  signal: AbortSignal,
): Promise<Capability[]> {
  const capabilities: Capability[] = [];
  for (const situation of SITUATIONS) {
    const set = assumed[situation];
    capabilities.push(
      set === undefined
        ? await ask(target, situation, signal)
        : { situation, works: set, layer: 'user', flags: undefined, why: 'set by the user' },
    );
  }
  return capabilities;
}

interface Seen {
  readonly works: boolean;
  readonly why: string;
}

async function ask(target: Target, situation: Situation, signal: AbortSignal): Promise<Capability> {
  const inferred = infer(target.chatTemplate, TRIALS[situation]);
  const plain = await tryOut(target, TRIALS[situation], false, signal);
  const flagged = await tryOut(target, TRIALS[situation], true, signal);
  const probed = plain?.works === true ? plain : (flagged ?? plain);
  if (probed === undefined)
    return inferred === undefined
      ? {
          situation,
          works: true,
          layer: 'default',
          flags: undefined,
          why: 'neither the template nor a render tells; assumed',
        }
      : { situation, ...inferred, layer: 'inferred', flags: undefined };
  const flags =
    plain?.works === true ? 'not needed' : flagged?.works === true ? 'needed' : undefined;
  const agree = inferred !== undefined && inferred.works === probed.works;
  const told =
    inferred === undefined
      ? ''
      : agree
        ? `${inferred.why}; `
        : `the template suggests otherwise (${inferred.why}); `;
  return {
    situation,
    works: probed.works,
    layer: agree ? 'inferred' : 'probed',
    flags,
    why: told + probed.why,
  };
}

/** Renders the situation; undefined where the server does not show its prompts. */
async function tryOut(
  target: Target,
  { request, prefill, end }: Trial,
  flags: boolean,
  signal: AbortSignal,
): Promise<Seen | undefined> {
  try {
    const base = await target.render(request, signal);
    const rendered = await target.render({ ...request, prefill, flags }, signal);
    return end === undefined ? same(base, rendered) : await endsWith(target, rendered, end, signal);
  } catch (error) {
    if (signal.aborted) throw error;
    return error instanceof Refusal
      ? { works: false, why: `refused: ${messageOf(error)}` }
      : undefined;
  }
}

function same(base: Rendered, rendered: Rendered): Seen {
  const works = base.ids.join() === rendered.ids.join();
  return {
    works,
    why: works ? 'an empty message changes nothing' : 'an empty message changes the prompt',
  };
}

async function endsWith(
  target: Target,
  { ids, text }: Rendered,
  end: string,
  signal: AbortSignal,
): Promise<Seen> {
  if (text === undefined) {
    const wanted = await target.encode(end, signal);
    return place(ids.slice(-wanted.length).join() === wanted.join(), undefined);
  }
  return place(text.endsWith(end), text.includes(end));
}

function place(atEnd: boolean, inside: boolean | undefined): Seen {
  if (atEnd) return { works: true, why: 'the prompt ends with the unfinished message' };
  if (inside === undefined)
    return { works: false, why: 'the prompt does not end with the unfinished message' };
  return {
    works: false,
    why: inside ? 'the message is closed, and a new turn follows' : 'the message is left out',
  };
}

/** What the template alone tells: whether the message's text comes to stand in the prompt at all. */
function infer(source: string | undefined, { request, prefill, end }: Trial): Seen | undefined {
  if (source === undefined || end === undefined || !harmless(source)) return undefined;
  try {
    const prompt = new ChatTemplate(source).render({
      messages: [...request.messages, { role: 'assistant' as const, ...prefill }].map(wired),
      tools: request.tools.map((tool) => ({ type: 'function', function: tool })),
      kwargs: { enable_thinking: request.thinking },
      addGenerationPrompt: false,
    });
    return prompt.includes(end)
      ? { works: true, why: 'the template writes the message' }
      : { works: false, why: 'the template leaves the message out' };
  } catch (error) {
    return { works: false, why: `the template refuses: ${messageOf(error)}` };
  }
}

/** A message as templates are given it. */
function wired(message: Message | (Prefill & { role: 'assistant' })): unknown {
  return {
    role: message.role,
    content: message.content,
    ...(message.reasoning === undefined ? {} : { reasoning_content: message.reasoning }),
    ...('toolCallId' in message ? { tool_call_id: message.toolCallId } : {}),
    ...(message.toolCalls === undefined
      ? {}
      : {
          tool_calls: message.toolCalls.map(({ id, name, arguments: text }) => ({
            id,
            type: 'function',
            function: { name, arguments: JSON.parse(text) as unknown },
          })),
        }),
  };
}

/** Templates come from servers: one that would keep us busy is not rendered. */
function harmless(source: string): boolean {
  return (
    source.length <= LONGEST_TEMPLATE &&
    [...source.matchAll(/range\s*\(([^)]*)\)/g)].every(([, bounds = '']) =>
      [...bounds.matchAll(/\d+/g)].every(([digits]) => Number(digits) <= LONGEST_RANGE),
    ) &&
    !/\*\*/.test(source)
  );
}
