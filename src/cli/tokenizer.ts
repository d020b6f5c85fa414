/** `seamstress tokenizer`: at which cuts does a text not encode to its own tokens? */
import { Command } from 'commander';
import type { RoundTripTable } from '../tokens/reportSchema.ts';
import type { KindedText } from '../tokens/samples.ts';
import { interruptible } from './interrupt.ts';

interface TokenizerOptions {
  readonly file?: readonly string[];
  readonly header?: string;
  readonly plain?: boolean;
  readonly json?: boolean;
}

export function tokenizerCommand(): Command {
  return new Command('tokenizer')
    .summary('how often a cut text encodes to other tokens')
    .description(
      'For every cut of each text: does encoding the text of the first k tokens give these tokens again, alone and after the end of a prompt? Needs no server.',
    )
    .argument('<path>', 'a tokenizer.json, or the folder that holds one')
    .argument(
      '[text...]',
      'texts to cut, "-" for standard input (default: a built-in set, one of each kind)',
    )
    .option('--file <path>', 'take the text from a file; repeatable', collect)
    .option('--header <text>', "the end of the prompt (default: that of the tokenizer's family)")
    .option(
      '--plain',
      'encode control tokens in the texts letter by letter, as a model that quotes them does',
    )
    .option('--json', 'print the table as JSON')
    .addHelpText(
      'after',
      '\nExit status: 0 every cut comes back, 1 some do not, 2 wrong usage or tokenizer, 3 some were\nnot tested and the others come back, 130 interrupted.',
    )
    .action(async (path: string, texts: readonly string[], options: TokenizerOptions) => {
      process.exitCode = await run(path, texts, options);
    });
}

/** Repeatable; a path may hold commas. */
function collect(path: string, before: readonly string[] | undefined): string[] {
  return [...(before ?? []), path];
}

async function run(
  path: string,
  given: readonly string[],
  options: TokenizerOptions,
): Promise<number> {
  const [{ loadTokenizer }, report, { replyHeader }, { SAMPLES }] = await Promise.all([
    import('../tokens/tokenizer.ts'),
    import('../tokens/report.ts'),
    import('../tokens/header.ts'),
    import('../tokens/samples.ts'),
  ]);
  const interrupt = interruptible();
  try {
    const tokenizer = await loadTokenizer(path);
    const own = await textsOf(given, options.file ?? [], interrupt.signal);
    const texts = (own.length === 0 ? SAMPLES : own).map((text) =>
      options.plain === true ? { ...text, plain: true } : text,
    );
    const found = await report.roundTripTableAsync(
      tokenizer,
      generations(texts, (text) => report.generationOf(tokenizer, text)),
      interrupt.signal,
      { header: options.header ?? replyHeader(tokenizer) },
    );
    const about = { sha256: tokenizer.sha256, vocabularySize: tokenizer.vocabularySize };
    if (options.json === true)
      process.stdout.write(`${JSON.stringify({ tokenizer: { path, ...about }, ...found })}\n`);
    else process.stdout.write(await textOf(path, about, found));
    return statusOf(found);
  } finally {
    interrupt.release();
  }
}

/** One at a time, so that a text is only encoded when its turn comes. */
function* generations<T>(
  texts: readonly KindedText[],
  make: (text: KindedText) => T,
): Generator<T> {
  for (const text of texts) yield make(text);
}

async function textsOf(
  given: readonly string[],
  files: readonly string[],
  signal: AbortSignal,
): Promise<KindedText[]> {
  const texts: KindedText[] = [];
  for (const [i, text] of given.entries())
    texts.push(
      text === '-'
        ? { kind: 'standard input', text: await standardInput(signal) }
        : { kind: `text ${i + 1}`, text },
    );
  for (const file of files) texts.push({ kind: file, text: await fileText(file) });
  return texts;
}

/** Largest text that is read, in bytes. */
const LARGEST_TEXT = 64 * 1024 * 1024;

async function fileText(file: string): Promise<string> {
  const [{ readWithin }, { messageOf, SeamstressError }] = await Promise.all([
    import('../read-file.ts'),
    import('../errors.ts'),
  ]);
  const hint = 'Give a file of UTF-8 text.';
  const bytes = readWithin(file, { most: LARGEST_TEXT, what: 'a text', hint });
  try {
    return utf8(bytes);
  } catch (error) {
    throw new SeamstressError('usage', `${file}: no text can be read here: ${messageOf(error)}`, {
      hint,
      cause: error,
    });
  }
}

async function standardInput(signal: AbortSignal): Promise<string> {
  const { SeamstressError } = await import('../errors.ts');
  const chunks: Uint8Array[] = [];
  signal.addEventListener('abort', stopReading);
  try {
    for await (const chunk of process.stdin as AsyncIterable<Uint8Array>) chunks.push(chunk);
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    signal.removeEventListener('abort', stopReading);
  }
  if (signal.aborted) throw new SeamstressError('interrupted', 'stopped while reading the text');
  try {
    return utf8(Buffer.concat(chunks));
  } catch (error) {
    throw new SeamstressError('usage', 'standard input is not UTF-8 text', { cause: error });
  }
}

function stopReading(): void {
  process.stdin.destroy();
}

function utf8(bytes: Uint8Array): string {
  return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
}

async function textOf(
  path: string,
  about: { readonly sha256: string; readonly vocabularySize: number },
  found: RoundTripTable,
): Promise<string> {
  const [{ roundTripText }, { visible }] = await Promise.all([
    import('../reports/tokenizer.ts'),
    import('../tokens/text.ts'),
  ]);
  return `${visible(path)} · ${about.vocabularySize} tokens · sha256 ${about.sha256.slice(0, 12)}\n\n${roundTripText(found)}`;
}

function statusOf({ complete, total }: RoundTripTable): number {
  if (!complete) return 130;
  const failing = total.alone.notIdempotent.count + total.afterHeader.notIdempotent.count;
  if (failing > 0) return 1;
  return total.untested > 0 || total.cuts === 0 ? 3 : 0;
}
