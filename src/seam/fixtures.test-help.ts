/**
 * Generations, and a server that exists only in memory, for tests. The server's model can say one
 * thing only: the generation it was made with; from any other prompt it says `DERAILED`. Both are
 * in one file, since the server speaks the generations' own tokens.
 */
import * as fc from 'fast-check';
import type {
  Answer,
  ChatRequest,
  Completion,
  PlacedToken,
  Prefill,
  ReadOptions,
  Rendered,
  SamplingOptions,
  Spending,
  Target,
  TargetIdentity,
} from '../dialects/dialect.ts';
import type { Scenario } from '../scenario/schema.ts';
import type { StreamEnd } from '../wire/end.ts';
import { packed, type Candidates } from './candidates.ts';
import type { Delta, GeneratedToken, Generation, Phase, TokenEvent } from './generation.ts';
import { derive, type Subject } from './subject.ts';

export const SCENARIO: Scenario = {
  id: 'sum',
  title: 'A sum',
  messages: [{ role: 'user', content: 'Hi' }],
  tools: [],
  maxTokens: 64,
  tags: [],
};

/** A ChatML prompt that ends where the answer begins. */
export const HEADER = '<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n';

/** Tokens of more than one byte; the rest of a text is one token a byte. */
const VOCABULARY = [
  '<|im_start|> <|im_end|> user assistant <think> </think> <tool_call> Two It Par is"}'.split(' '),
  [' and two', ' is four.', ' is', ' 4', '  ', '\n\n', '{"city": "', '\n</tool_call>'],
  ['\n{"name": "get_weather", "arguments": '],
].flat();
const FIRST_ID = 300;
/** The end-of-generation token; it has no bytes. */
export const EOS = 299;
/** What the model says after a prompt that it does not know. */
export const DERAILED = 298;

/** Tokenizes: the longest known token first. */
export function encode(text: string): number[] {
  const ids: number[] = [];
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length;) {
    const rest = bytes.subarray(at).toString();
    const found = VOCABULARY.filter((piece) => rest.startsWith(piece)).toSorted(
      (a, b) => b.length - a.length,
    )[0];
    ids.push(found === undefined ? (bytes[at] ?? 0) : FIRST_ID + VOCABULARY.indexOf(found));
    at += found?.length ?? 1;
  }
  return ids;
}

/** The bytes of a token. */
function bytesOfId(id: number): Uint8Array {
  if (id < 256) return Uint8Array.of(id);
  return new TextEncoder().encode(VOCABULARY[id - FIRST_ID] ?? '');
}

/** Text that lies in one phase; its last token sends what `shows` says. */
interface Piece {
  readonly text: string;
  readonly phase: Phase;
  readonly shows?: Omit<Delta, 'after'>;
}

const mark = (phase: Phase, text: string): Piece => ({ phase, text });
const thought = (text: string): Piece => ({ phase: 'reasoning', text, shows: { reasoning: text } });
const said = (text: string): Piece => ({ phase: 'content', text, shows: { content: text } });
const called = (text: string, name?: string): Piece => ({
  phase: 'tool-call',
  text,
  shows: {
    toolCalls: [
      name === undefined ? { index: 0, arguments: text } : { index: 0, id: 'call_1', name },
    ],
  },
});

interface GenerationParts {
  readonly scenario?: Scenario;
  readonly header?: string;
  readonly finish?: string;
}

/** Builds a generation out of its pieces, an end-of-generation token after them unless it ran out of tokens. */
function generationOf(pieces: readonly Piece[], parts: GenerationParts = {}): Generation {
  const { scenario = SCENARIO, header = HEADER, finish = 'stop' } = parts;
  const tokens: GeneratedToken[] = [];
  const deltas: Delta[] = [];
  for (const { text, phase, shows } of pieces) {
    for (const id of encode(text)) tokens.push({ id, bytes: bytesOfId(id), phase, ...likely(id) });
    if (shows !== undefined) deltas.push({ after: tokens.length, ...shows });
  }
  const { length } = tokens;
  const last = tokens.at(-1)?.phase ?? 'content';
  if (finish !== 'length')
    tokens.push({ id: EOS, bytes: new Uint8Array(), phase: last, ...likely(EOS) });
  return {
    scenario,
    promptIds: encode(header),
    promptText: header,
    tokens,
    length,
    finish,
    deltas,
    synthetic: false,
  };
}

/** A token that is far likelier than the one that comes in its place after a derailment. */
function likely(id: number): { logprob: number; top: Candidates } {
  return {
    logprob: -0.01,
    top: packed([
      { id, logprob: -0.01 },
      { id: DERAILED, logprob: -6 },
    ]),
  };
}

const SUM = [
  mark('opening', '<think>\n'),
  thought('Two'),
  thought(' and two'),
  thought(' is four.'),
  thought('\n'),
];
const ANSWER = [
  mark('closing', '</think>\n\n'),
  said('It'),
  said(' is'),
  said(' 4'),
  said('€'),
  said('.'),
];

/** Thinks, and answers with a character of three tokens. */
export const THINKING: Generation = generationOf([...SUM, ...ANSWER]);

/** The same, from a prompt that opens the thinking. */
export const FORCED: Generation = generationOf([...SUM.slice(1), ...ANSWER], {
  header: `${HEADER}<think>\n`,
});

/** Answers at once. */
export const PLAIN: Generation = generationOf(ANSWER.slice(1));

/** Ran out of tokens inside its answer. */
export const CUT_SHORT: Generation = generationOf([...SUM, ...ANSWER.slice(0, 3)], {
  finish: 'length',
});

/** Thinks, and calls a tool. */
export const CALLING: Generation = generationOf(
  [
    ...SUM,
    mark('closing', '</think>\n\n'),
    mark('tool-call', '<tool_call>'),
    called('\n{"name": "get_weather", "arguments": ', 'get_weather'),
    called('{"city": "'),
    called('Par'),
    called('is"}'),
    mark('tool-call', '\n</tool_call>'),
  ],
  {
    scenario: {
      ...SCENARIO,
      id: 'weather',
      tools: [{ name: 'get_weather', description: '', parameters: {} }],
    },
    finish: 'tool_calls',
  },
);

export function subjectOf(generation: Generation): Subject {
  const told = generation.deltas.length;
  return { ...derive(generation), repeat: { tried: 0, disagreements: 0, noise: 0 }, told };
}

const WORD = fc.constantFrom(
  'a',
  'It',
  ' is',
  '\n',
  '  ',
  '€',
  '中文',
  '👍🏾',
  'e\u0301',
  '. ',
  '\n\n',
);

/** Any generation: hidden tokens, characters of several tokens, text that is held back for later. */
export const generations: fc.Arbitrary<Generation> = fc
  .record({
    thoughts: fc.array(WORD, { maxLength: 6 }),
    words: fc.array(WORD, { maxLength: 6 }),
    calls: fc.array(fc.array(fc.constantFrom('{"a": ', '"x', '€"', '}'), { maxLength: 3 }), {
      maxLength: 2,
    }),
    held: fc.array(fc.boolean(), { minLength: 12, maxLength: 12 }),
    finish: fc.constantFrom('stop', 'length'),
  })
  .map(({ thoughts, words, calls, held, finish }) => {
    const thinks = thoughts.length > 0;
    return generationOf(
      [
        ...(thinks ? [mark('opening', '<think>\n'), ...holdBack('reasoning', thoughts, held)] : []),
        ...(thinks ? [mark('closing', '</think>\n\n')] : []),
        ...holdBack('content', words, held.slice(6)),
        ...calls.flatMap((args, index): Piece[] => [
          { phase: 'tool-call', text: '<tool_call>', shows: { toolCalls: [{ index, name: 'f' }] } },
          ...args.map((text): Piece => ({
            phase: 'tool-call',
            text,
            shows: { toolCalls: [{ index, arguments: text }] },
          })),
        ]),
      ],
      { finish },
    );
  });

/** Some pieces' text is sent with a later piece, as parsers do that look for tags. */
function holdBack(
  field: 'reasoning' | 'content',
  texts: readonly string[],
  held: readonly boolean[],
): Piece[] {
  let kept = '';
  return texts.map((text, i) => {
    kept += text;
    if (held[i] === true && i < texts.length - 1) return { phase: field, text };
    const shows = { [field]: kept };
    kept = '';
    return { phase: field, text, shows };
  });
}

/** Where a fake server strays from the right way; each hook is given what would be right. */
interface Strays {
  /** The rendered prompt. */
  readonly render?: (text: string, request: ChatRequest) => string;
  /** The prompt's ids. */
  readonly encode?: (ids: readonly number[], text: string) => readonly number[];
  /** The answer to a chat request; `call` counts from 1. */
  readonly chat?: (answer: Answer, request: ChatRequest, call: number) => Answer;
  /** The tokens that follow a list of ids. */
  readonly complete?: (
    tokens: readonly TokenEvent[],
    prompt: readonly number[],
    call: number,
  ) => readonly TokenEvent[];
}

const IDENTITY: TargetIdentity = {
  dialect: 'fake',
  url: 'http://fake',
  model: 'fake',
  engine: { name: 'fake' },
  hops: [],
};

/** A server in memory that counts what it is asked. */
export class FakeTarget implements Target {
  readonly identity: TargetIdentity = IDENTITY;
  readonly chatTemplate: string | undefined = undefined;
  readonly calls = { chat: 0, complete: 0, render: 0, encode: 0 };
  /** Chat requests in order, with how they were to be sampled. */
  readonly chats: { request: ChatRequest; sampling: SamplingOptions }[] = [];
  readonly completions: { prompt: readonly number[]; sampling: SamplingOptions }[] = [];
  readonly #generation: Generation;
  readonly #strays: Strays;

  constructor(generation: Generation, strays: Strays = {}) {
    this.#generation = generation;
    this.#strays = strays;
  }

  get spending(): Spending {
    const { chat, complete, render, encode: encoded } = this.calls;
    return { requests: chat + complete + render + encoded, promptTokens: 0, generatedTokens: 0 };
  }

  async chat(request: ChatRequest, sampling: SamplingOptions, read: ReadOptions): Promise<Answer> {
    this.calls.chat++;
    this.chats.push({ request, sampling });
    const from = this.#placeOf(this.#idsFor(request));
    const honest = from === undefined ? derailedAnswer() : this.#answer(from, sampling, read);
    return this.#strays.chat?.(honest, request, this.calls.chat) ?? honest;
  }

  async complete(prompt: readonly number[], sampling: SamplingOptions): Promise<Completion> {
    this.calls.complete++;
    this.completions.push({ prompt, sampling });
    const from = this.#placeOf(prompt);
    const script = from === undefined ? [derailed()] : this.#script(from);
    const honest = script.slice(0, sampling.maxTokens);
    const tokens = this.#strays.complete?.(honest, prompt, this.calls.complete) ?? honest;
    const finish = tokens.at(-1)?.id === EOS ? 'stop' : 'length';
    return { tokens, finish, usage: NO_USAGE, totalMs: 0, request: sent('/completion', prompt) };
  }

  async render(request: ChatRequest): Promise<Rendered> {
    this.calls.render++;
    const text = this.#textFor(request);
    return {
      ids: this.#encode(text),
      text,
      source: 'server',
      requests: [sent('/apply-template', request)],
    };
  }

  async encode(text: string): Promise<readonly number[]> {
    this.calls.encode++;
    return this.#encode(text);
  }

  async encodePlain(text: string): Promise<readonly TokenEvent[]> {
    this.calls.encode++;
    return encode(text).map((id) => ({ id, bytes: bytesOfId(id) }));
  }

  async close(): Promise<void> {}

  #encode(text: string): readonly number[] {
    const ids = encode(text);
    return this.#strays.encode?.(ids, text) ?? ids;
  }

  #textFor(request: ChatRequest): string {
    const text = (this.#generation.promptText ?? '') + this.#spoken(request.prefill);
    return this.#strays.render?.(text, request) ?? text;
  }

  #idsFor(request: ChatRequest): readonly number[] {
    return this.#encode(this.#textFor(request));
  }

  /** A prefill as the model wrote it. */
  #spoken(prefill: Prefill | undefined): string {
    if (prefill === undefined) return '';
    const { reasoning = '', content, toolCalls = [] } = prefill;
    const opening = this.#generation.promptText?.endsWith('<think>\n') === true ? '' : '<think>\n';
    const goesOn = content !== '' || toolCalls.length > 0;
    return [
      reasoning === '' ? '' : opening + reasoning + (goesOn ? '</think>\n\n' : ''),
      content,
      ...toolCalls.map(
        (call) => `<tool_call>\n{"name": "${call.name}", "arguments": ${call.arguments}`,
      ),
    ].join('');
  }

  /** How many generated tokens a prompt holds; undefined when it is none of this generation. */
  #placeOf(prompt: readonly number[]): number | undefined {
    const { promptIds, tokens, length } = this.#generation;
    const right = [...promptIds, ...tokens.slice(0, length).map((token) => token.id)];
    const known = prompt.length >= promptIds.length && prompt.every((id, i) => id === right[i]);
    return known ? prompt.length - promptIds.length : undefined;
  }

  /** What the model says after so many tokens; a generation that was cut short goes on. */
  #script(from: number): readonly TokenEvent[] {
    const { tokens, finish } = this.#generation;
    const more =
      finish === 'length'
        ? Array.from({ length: 40 }, () => ({ id: 46, bytes: bytesOfId(46) }))
        : [];
    return [...tokens.slice(from), ...more];
  }

  #answer(from: number, sampling: SamplingOptions, read: ReadOptions): Answer {
    const script = untilStop(this.#script(from), sampling.stop ?? []).slice(0, sampling.maxTokens);
    const tokens: PlacedToken[] = [];
    const deltas: Delta[] = [];
    let end: StreamEnd = { kind: 'done' };
    let generated = 0;
    for (const token of script) {
      generated++;
      const shown = this.#generation.deltas.filter((delta) => delta.after === from + generated);
      deltas.push(...shown.map((delta) => ({ ...delta, after: generated })));
      const beyond = from + generated > this.#generation.tokens.length;
      if (beyond) deltas.push({ after: generated, content: '.' });
      if (shown.length > 0 || beyond) tokens.push({ ...token, place: generated });
      if (read.stopWhen?.({ generated, tokens, deltas }) === true) {
        end = { kind: 'aborted' };
        break;
      }
    }
    const ended = generated < sampling.maxTokens || script.at(-1)?.id === EOS;
    const finish = end.kind === 'aborted' ? undefined : ended ? this.#generation.finish : 'length';
    return { ...EMPTY_ANSWER, deltas, tokens, generated, finish, end };
  }
}

/** The tokens before a stop string, which starts where a token does. */
function untilStop(script: readonly TokenEvent[], stop: readonly string[]): readonly TokenEvent[] {
  const bytes = Buffer.concat(script.map((token) => token.bytes));
  const ends = stop.map((text) => bytes.indexOf(text)).filter((at) => at >= 0);
  const end = Math.min(bytes.length + 1, ...ends);
  let at = 0;
  return script.filter((token) => (at += token.bytes.length) <= end);
}

function derailed(): TokenEvent {
  return {
    id: DERAILED,
    bytes: bytesOfId(88),
    logprob: -0.01,
    top: [DERAILED, -0.01],
  };
}

function derailedAnswer(): Answer {
  const tokens = [{ ...derailed(), place: 1 }];
  return {
    ...EMPTY_ANSWER,
    deltas: [{ after: 1, content: 'X' }],
    tokens,
    generated: 1,
    finish: 'stop',
  };
}

const NO_USAGE = { promptTokens: undefined, cachedTokens: undefined };

function sent(path: string, body: unknown): Answer['request'] {
  return { method: 'POST', url: `http://fake${path}`, body };
}

const EMPTY_ANSWER: Answer = {
  deltas: [],
  tokens: [],
  generated: 0,
  finish: 'stop',
  end: { kind: 'done' },
  usage: NO_USAGE,
  timing: { firstEventMs: 0, totalMs: 0 },
  capture: [],
  request: sent('/v1/chat/completions', {}),
};
