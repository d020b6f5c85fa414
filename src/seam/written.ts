/**
 * The raw text of an answer, written and read as one model writes it: how a message that a client
 * has begun itself stands in the prompt, and what a client holds after each piece that follows.
 * The markup is learned from an answer of the model; nothing here knows a family of templates.
 */
import type { Begun } from '../scenario/schema.ts';
import { bytesOf, type Generation, type ToolCallView, type View } from './generation.ts';
import { markupOf, type Markup } from './markup.ts';
import { viewOf } from './view.ts';

/** The markup of answers, that of tool calls included. */
export interface Writing extends Markup {
  /** The text around a call's name and arguments; undefined when the answer made no call. */
  readonly call: CallWriting | undefined;
  /** Line breaks with which this server lets the texts begin. */
  readonly leads: { readonly reasoning: string; readonly content: string };
}

interface CallWriting {
  /** Whitespace between the thinking and the call. */
  readonly lead: string;
  readonly before: string;
  readonly between: string;
  readonly after: string;
}

/** What stands between two calls. */
const BETWEEN_CALLS = '\n';

/** Learns the markup from an uninterrupted answer. */
export function writingOf(generation: Generation): Writing {
  const markup = markupOf(generation);
  const view = viewOf(generation.deltas);
  const [call] = view.toolCalls;
  const leads = { reasoning: breaksAt(view.reasoning), content: breaksAt(view.content) };
  const raw = new TextDecoder().decode(bytesOf(generation.tokens, 0, generation.length));
  return { ...markup, leads, call: call === undefined ? undefined : callIn(raw, markup, call) };
}

/** The line breaks at the start of a text. */
function breaksAt(text: string): string {
  return /^\n*/.exec(text)?.[0] ?? '';
}

/** A begun answer as this server would have let a client read it: with the line breaks that it leaves to the fields. */
export function asRead(begun: Begun, { leads }: Writing): Begun {
  return {
    ...begun,
    content: led(leads.content, begun.content),
    ...(begun.reasoning === undefined ? {} : { reasoning: led(leads.reasoning, begun.reasoning) }),
  };
}

function led(lead: string, text: string): string {
  return text === '' || text.startsWith(lead) ? text : lead + text;
}

function callIn(raw: string, markup: Markup, call: ToolCallView): Writing['call'] {
  const closed = markup.closing === '' ? 0 : raw.indexOf(markup.closing) + markup.closing.length;
  const start = closed + leadOf(raw.slice(closed));
  const args = raw.indexOf(call.arguments, start);
  const name = raw.lastIndexOf(call.name, args);
  if (call.name === '' || name < start) return undefined;
  return {
    lead: raw.slice(closed, start),
    before: raw.slice(start, name),
    between: raw.slice(name + call.name.length, args),
    after: raw.slice(args + call.arguments.length),
  };
}

/** Characters of whitespace at the start. */
function leadOf(text: string): number {
  return text.length - text.trimStart().length;
}

/**
 * The text of a message that is begun; undefined when it holds tool calls and the markup of calls
 * is not known. The last call is open where its arguments are not a whole JSON value.
 */
export function writeBegun(begun: Begun, writing: Writing): string | undefined {
  const { reasoning = '', content, toolCalls = [] } = begun;
  const past = content !== '' || toolCalls.length > 0;
  const closing = past ? writing.closing : '';
  const thought = reasoning === '' ? '' : writing.written + reasoning + closing;
  if (toolCalls.length === 0) return thought + content;
  const { call } = writing;
  if (call === undefined) return undefined;
  const calls = toolCalls.map(({ name, arguments: args }) => {
    const open = endOfValue(args) === undefined;
    return call.before + name + call.between + args + (open ? '' : call.after);
  });
  const lead = content === '' && reasoning !== '' ? call.lead : '';
  return thought + content + lead + calls.join(BETWEEN_CALLS);
}

/** What a client holds when it has read a raw text. */
export function readWritten(raw: string, writing: Writing): View {
  const { reasoning, rest } = readThought(raw, writing);
  return { reasoning, ...readCalls(rest, writing) };
}

function readThought(
  raw: string,
  { written, closing }: Writing,
): { readonly reasoning: string; readonly rest: string } {
  const tag = closing.trim();
  if (tag === '') return { reasoning: '', rest: raw };
  // A piece of the opening that is not whole yet is hidden.
  if (written.startsWith(raw)) return { reasoning: '', rest: '' };
  if (!raw.startsWith(written)) return { reasoning: '', rest: raw };
  const [before = '', lead = ''] = closing.split(tag);
  const at = raw.indexOf(tag, written.length);
  if (at < 0) return { reasoning: raw.slice(written.length), rest: '' };
  const thought = raw.slice(written.length, at);
  const rest = raw.slice(at + tag.length);
  return {
    reasoning:
      before !== '' && thought.endsWith(before) ? thought.slice(0, -before.length) : thought,
    rest: lead.startsWith(rest) ? '' : rest.startsWith(lead) ? rest.slice(lead.length) : rest,
  };
}

function readCalls(text: string, { call }: Writing): Pick<View, 'content' | 'toolCalls'> {
  const tag = call?.before.trimEnd().split(/\s/)[0] ?? '';
  if (call === undefined || tag === '') return { content: text, toolCalls: [] };
  const [content = '', ...calls] = text.split(tag);
  const end = call.after.trim();
  return {
    content: calls.length === 0 ? withoutStartOf(tag, content) : content.trimEnd(),
    toolCalls: calls.flatMap((written) => readCall(tag + written, call, end)),
  };
}

function readCall(
  text: string,
  { before, between }: NonNullable<Writing['call']>,
  end: string,
): ToolCallView[] {
  if (!text.startsWith(before)) return [];
  const named = text.slice(before.length);
  const at = named.indexOf(between);
  // A name is told when it is whole.
  if (at < 0) return [];
  const args = named.slice(at + between.length);
  const stop =
    endOfValue(args) ?? (end !== '' && args.includes(end) ? args.indexOf(end) : undefined);
  return [{ name: named.slice(0, at), arguments: args.slice(0, stop) }];
}

/** The text without a beginning of the tag at its end, which a reader holds back. */
function withoutStartOf(tag: string, text: string): string {
  for (let size = Math.min(tag.length, text.length); size > 0; size--)
    if (text.endsWith(tag.slice(0, size))) return text.slice(0, -size);
  return text;
}

/** Where the JSON object or list at the start of a text ends; undefined while it is open. */
export function endOfValue(text: string): number | undefined {
  let depth = 0;
  let quoted = false;
  for (let i = 0; i < text.length; i++) {
    const unit = text[i];
    if (quoted) {
      if (unit === '\\') i++;
      else if (unit === '"') quoted = false;
    } else if (unit === '"') quoted = true;
    else if (unit === '{' || unit === '[') depth++;
    else if ((unit === '}' || unit === ']') && --depth === 0) return i + 1;
  }
  return undefined;
}
