/**
 * The markup that the model behind a server writes, and the chat template that goes with it. The
 * thinker knows six families; these are the ones that a persona can be built on.
 */
import { readFileSync } from 'node:fs';

export type StyleName = 'chatml' | 'deepseek' | 'gemma' | 'harmony';

/** Text around the parts of an answer, as the model writes it. */
export interface Markup {
  /** Before the reasoning; empty where the prompt already holds it. */
  readonly opening: string;
  /** Between the reasoning and the content. */
  readonly closing: string;
  /** After the text of a thought, where the model always ends it so. */
  readonly thoughtEnd: string;
  /** The control token that ends an answer. */
  readonly endOfTurn: string;
}

export interface Style {
  readonly name: StyleName;
  readonly markup: Markup;
  /** The header of an answer: the end of a prompt. */
  readonly generationPrompt: string;
  /** Whether the model thinks before it answers. */
  readonly thinks: boolean;
  /** A turn of a prompt, before its generation prompt: its role and its text are the groups. */
  readonly turn: RegExp;
  /** The role of a turn that the model answers, as `turn` finds it. */
  readonly user: string;
}

const CHATML: Style = {
  name: 'chatml',
  markup: {
    opening: '<think>\n',
    closing: '</think>\n\n',
    thoughtEnd: '\n',
    endOfTurn: '<|im_end|>',
  },
  generationPrompt: '<|im_start|>assistant\n',
  thinks: true,
  turn: /<\|im_start\|>(system|user|assistant)\n([\s\S]*?)<\|im_end\|>\n/y,
  user: 'user',
};

/** DeepSeek-R1-like: the prompt ends inside the thinking. */
const DEEPSEEK: Style = {
  name: 'deepseek',
  markup: { ...CHATML.markup, opening: '' },
  generationPrompt: '<|Assistant|><think>\n',
  thinks: true,
  turn: /(?:^[^<]*)?<\|(User|Assistant)\|>([\s\S]*?)(?:<\|im_end\|>|(?=<\|Assistant\|>)|$)/y,
  user: 'User',
};

/** Gemma-like: no thinking, and a template that trims every content. */
const GEMMA: Style = {
  name: 'gemma',
  markup: { opening: '', closing: '', thoughtEnd: '', endOfTurn: '<end_of_turn>' },
  generationPrompt: '<start_of_turn>model\n',
  thinks: false,
  turn: /<start_of_turn>(user|model|tool)\n([\s\S]*?)<end_of_turn>\n/y,
  user: 'user',
};

/** gpt-oss-like: a channel for the thought and one for the answer. */
const HARMONY: Style = {
  name: 'harmony',
  markup: {
    opening: '<|channel|>analysis<|message|>',
    closing: '<|end|><|start|>assistant<|channel|>final<|message|>',
    thoughtEnd: '',
    endOfTurn: '<|return|>',
  },
  generationPrompt: '<|start|>assistant',
  thinks: true,
  turn: /<\|start\|>(system|developer|user|assistant|tool)(?:<\|channel\|>final)?<\|message\|>([\s\S]*?)<\|end\|>/y,
  user: 'user',
};

const STYLES: Readonly<Record<StyleName, Style>> = {
  chatml: CHATML,
  deepseek: DEEPSEEK,
  gemma: GEMMA,
  harmony: HARMONY,
};

export function styleNamed(name: StyleName): Style {
  return STYLES[name];
}

/** The template's text, of a style other than the thinker's own. */
export function readTemplate(name: Exclude<StyleName, 'chatml'>): string {
  return readFileSync(
    new URL(`../../models/thinker/templates/${name}.jinja`, import.meta.url),
    'utf8',
  );
}
