/**
 * Which phase each token lies in: the client's view of the whole generation is laid over the
 * raw text, and what the view does not show is think tags and their separators.
 */
import { bytesOf, type Phase, type TokenEvent, type View } from './generation.ts';

/** Markup that ends the thinking, in the template families that are known. */
const CLOSERS = ['</think>', '[/THINK]', '<|end|>', '</thought>', '<channel|>'];

/** The raw text of a generation, split at the phases' borders; offsets are in bytes. */
export interface Layout {
  readonly raw: Uint8Array;
  readonly reasoning: readonly [start: number, end: number];
  readonly content: readonly [start: number, end: number];
  /** Where tool calls start; `raw.length` when there are none. */
  readonly tools: number;
}

/** Lays the client's final view over the raw bytes of the tokens. */
export function layOut(tokens: readonly TokenEvent[], view: View): Layout {
  const raw = Buffer.from(bytesOf(tokens).buffer);
  const reasoning = locate(raw, view.reasoning, 0);
  const closed = view.reasoning === '' ? endOfCloser(raw, 0) : endOfCloser(raw, reasoning[1]);
  const content =
    view.content === '' ? ([closed, closed] as const) : locate(raw, view.content, reasoning[1]);
  const tools = view.toolCalls.length === 0 ? raw.length : content[1];
  return { raw, reasoning, content, tools };
}

/** True when the reasoning and the content of a view stand in the text that it was laid over. */
export function holds({ reasoning, content }: Layout, view: View): boolean {
  return stands(view.reasoning, reasoning) && stands(view.content, content);
}

function stands(text: string, [start, end]: readonly [number, number]): boolean {
  return text.trim() === '' || end > start;
}

/** Where `text` stands in `raw` from `from` on; an empty range at `from` when it is not there verbatim. */
function locate(raw: Buffer, text: string, from: number): readonly [number, number] {
  if (text === '') return [from, from];
  const whole = Buffer.from(text);
  const at = raw.indexOf(whole, from);
  if (at >= 0) return [at, at + whole.length];
  const trimmed = Buffer.from(text.trim());
  const near = trimmed.length > 0 ? raw.indexOf(trimmed, from) : -1;
  return near >= 0 ? [near, near + trimmed.length] : [from, from];
}

/** Just after the closing markup and the line breaks that belong to it; `from` when there is none. */
function endOfCloser(raw: Buffer, from: number): number {
  const ends = CLOSERS.map((closer) => [raw.indexOf(closer, from), closer.length] as const).filter(
    ([at]) => at >= 0,
  );
  const first = ends.toSorted((a, b) => a[0] - b[0])[0];
  if (first === undefined) return from;
  let end = first[0] + first[1];
  while (raw[end] === 0x0a) end++;
  return end;
}

/** True for tokens that are think tags, line breaks, ends of generation, or the start of a character: what chat streams hide. */
export function isMarkup(tokens: readonly TokenEvent[]): boolean {
  const text = new TextDecoder().decode(bytesOf(tokens), { stream: true });
  return (
    text
      .replaceAll(/<\/?think>|\[\/?THINK\]|<\|[a-z_]+\|>|analysis|final|assistant/g, '')
      .trim() === ''
  );
}

/** The phase of each token, by its first byte. Tokens without bytes take that of the token before. */
export function phasesOf(tokens: readonly TokenEvent[], layout: Layout): Phase[] {
  const phases: Phase[] = [];
  let at = 0;
  for (const token of tokens) {
    phases.push(token.bytes.length === 0 ? (phases.at(-1) ?? 'content') : phaseOfByte(at, layout));
    at += token.bytes.length;
  }
  return phases;
}

function phaseOfByte(at: number, { reasoning, content, tools }: Layout): Phase {
  if (at >= tools) return 'tool-call';
  if (at >= content[0]) return 'content';
  if (at >= reasoning[1] && reasoning[1] > reasoning[0]) return 'closing';
  return at >= reasoning[0] && reasoning[1] > reasoning[0] ? 'reasoning' : 'opening';
}
