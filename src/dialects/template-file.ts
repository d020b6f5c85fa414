/** The chat template among a model's files, for servers that do not show it. */
import { stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { readIfThere } from '../read-file.ts';
import { asObject, asString, parseEvent } from './json.ts';
import type { ConnectOptions } from './dialect.ts';

/**
 * The template that is known from launching the server, else the one beside the named tokenizer:
 * `chat_template.jinja`, else that of `tokenizer_config.json`. Undefined where there is none.
 *
 * @throws SeamstressError `config` when one of them is no file or too large
 */
export async function templateOfFiles(files: ConnectOptions['files']): Promise<string | undefined> {
  if (files?.chatTemplate !== undefined) return files.chatTemplate;
  if (files?.tokenizer === undefined) return undefined;
  const found = await stat(files.tokenizer).catch(() => undefined);
  const folder = found?.isDirectory() === true ? files.tokenizer : dirname(files.tokenizer);
  const own = readText(join(folder, 'chat_template.jinja'));
  if (own !== undefined) return own;
  const config = readText(join(folder, 'tokenizer_config.json'));
  return config === undefined
    ? undefined
    : asString(asObject(parseEvent(config))?.['chat_template']);
}

const WANTED = {
  most: 16 * 1024 * 1024,
  what: 'a chat template',
  hint: 'It lies beside the tokenizer that was named; name another one with --tokenizer.',
};

function readText(path: string): string | undefined {
  return readIfThere(path, WANTED)?.toString('utf8');
}
