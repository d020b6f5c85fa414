/**
 * The thinker's chat template, rendered as llama.cpp renders it.
 *
 * `@huggingface/jinja` ignores the argument of `strip(chars)`, `lstrip` and `rstrip`, so those
 * calls are turned into calls of our own functions before rendering.
 */
import { Template } from '@huggingface/jinja';
import { Lru } from './lru.ts';
import { readModelFile } from './vocabulary.ts';

/** What a template is given. */
export interface TemplateInput {
  readonly messages: readonly unknown[];
  readonly tools: readonly unknown[];
  readonly kwargs: Readonly<Record<string, unknown>>;
  readonly addGenerationPrompt: boolean;
}

export class ChatTemplate {
  readonly source: string;
  readonly #template: Template;
  readonly #endOfTurn: string;
  readonly #rendered = new Lru<string, string>(1024);

  /** @param endOfTurn the text of the model's end token */
  constructor(source: string, endOfTurn = '<|im_end|>') {
    this.source = source;
    this.#endOfTurn = endOfTurn;
    this.#template = new Template(source);
    replaceStrips(this.#template.parsed);
  }

  render(input: TemplateInput): string {
    return this.#rendered.getOrMake(JSON.stringify(input), () =>
      this.#template.render({
        ...STRIPS,
        ...input.kwargs,
        messages: input.messages,
        ...(input.tools.length > 0 ? { tools: input.tools } : {}),
        add_generation_prompt: input.addGenerationPrompt,
        bos_token: '',
        eos_token: this.#endOfTurn,
      }),
    );
  }
}

/** Python's `str.strip` family, by the names that `replaceStrips` gives them. */
const STRIPS = {
  python_strip: (text: unknown, chars: unknown) => strip(String(text), String(chars), true, true),
  python_lstrip: (text: unknown, chars: unknown) => strip(String(text), String(chars), true, false),
  python_rstrip: (text: unknown, chars: unknown) => strip(String(text), String(chars), false, true),
};

function strip(text: string, chars: string, left: boolean, right: boolean): string {
  const all = Array.from(text);
  const from = left ? all.findIndex((character) => !chars.includes(character)) : 0;
  if (from < 0) return '';
  const last = right
    ? all.findLastIndex((character) => !chars.includes(character))
    : all.length - 1;
  return all.slice(from, last + 1).join('');
}

/** Turns `x.strip(chars)` into `python_strip(x, chars)` everywhere in a syntax tree. */
function replaceStrips(node: unknown): void {
  if (typeof node !== 'object' || node === null) return;
  for (const child of Object.values(node)) replaceStrips(child);
  const call = node as { type?: string; callee?: Callee; args?: unknown[] };
  const callee = call.callee;
  if (
    call.type !== 'CallExpression' ||
    callee?.type !== 'MemberExpression' ||
    call.args?.length !== 1
  )
    return;
  const method = callee.property?.value;
  if (method !== 'strip' && method !== 'lstrip' && method !== 'rstrip') return;
  call.args = [callee.object, call.args[0]];
  call.callee = { type: 'Identifier', value: `python_${method}` };
}

interface Callee {
  readonly type: string;
  readonly object?: unknown;
  readonly property?: { readonly value?: unknown };
  readonly value?: string;
}

let loaded: ChatTemplate | undefined;

/** The thinker's own template; read on first use and shared. */
export function chatTemplate(): ChatTemplate {
  loaded ??= new ChatTemplate(readModelFile('chat_template.jinja'));
  return loaded;
}
