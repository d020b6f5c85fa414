/** Parsers of option values; each refuses what it does not understand in one line. */
import { InvalidArgumentError, type Command } from 'commander';

export function integer(
  least: number,
  most: number = Number.MAX_SAFE_INTEGER,
): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^-?\d+$/.test(text) || value < least || value > most)
      throw new InvalidArgumentError(
        `It must be a whole number from ${least}${most === Number.MAX_SAFE_INTEGER ? ' on' : ` to ${most}`}.`,
      );
    return value;
  };
}

/** `90`, `90s`, `5m`, `1h` or `250ms`, in milliseconds. */
export function duration(text: string): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h)?$/.exec(text);
  const unit = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }[match?.[2] ?? 's'] ?? 1000;
  const value = Number(match?.[1] ?? 0) * unit;
  if (match === null || value <= 0 || value > 2 ** 31 - 1)
    throw new InvalidArgumentError('It must be a time such as 90s, 5m or 1h, up to 24 days.');
  return value;
}

/** `all`, or a number of cuts. */
export function cutCount(text: string): 'all' | number {
  return text === 'all' ? 'all' : integer(1)(text);
}

/** A share of a run: number `index` of `of`, counted from 1. */
export interface Shard {
  readonly index: number;
  readonly of: number;
}

/** `2/4` */
export function shard(text: string): Shard {
  const [, index, of] = /^(\d{1,4})\/(\d{1,4})$/.exec(text)?.map(Number) ?? [];
  if (index === undefined || of === undefined || index < 1 || index > of)
    throw new InvalidArgumentError('It must be I/N, such as 2/4, with I from 1 to N.');
  return { index, of };
}

/** Collects a repeatable option; commas separate too. */
export function list(text: string, before: readonly string[] | undefined): string[] {
  return [...(before ?? []), ...text.split(',').map((part) => part.trim())].filter(
    (part) => part !== '',
  );
}

/** A gateway in front of the target. */
export function withVia(command: Command): Command {
  return command.option(
    '--via <gateway>',
    'also test a gateway in front of the target: litellm, with @VERSION for another one',
  );
}

/** The options that say what to talk to; shared by the commands that need a target. */
export function withTarget(command: Command): Command {
  return command
    .option(
      '--target <url>',
      '"reference" for the embedded server, or the root URL of a running server',
    )
    .option(
      '--engine <name>',
      'provision and start a real engine: llama.cpp or vllm, with @VERSION for an older one',
    )
    .option(
      '--engine-command <command>',
      'start a server yourself; {port}, {host} and {model} are filled in',
    )
    .option(
      '--engine-model <path>',
      'the model for a started engine: a GGUF file, or a folder for vLLM (default: the bundled thinker)',
    )
    .option('--chat-template <path>', 'the chat template for a started engine')
    .option('--model <name>', 'the model to ask for')
    .option(
      '--dialect <name>',
      'the server API: llama.cpp, vllm, anthropic, ollama and others, or auto to ask the server',
      'auto',
    )
    .option('--tokenizer <path>', 'the tokenizer.json of the model, for servers that tell no bytes')
    .option(
      '--persona <name>',
      'the server that the embedded server behaves as; serve --help lists them',
    )
    .option(
      '--fault <name>',
      'plant a fault into the embedded server, as NAME or NAME@RATE; repeatable',
      list,
    );
}
