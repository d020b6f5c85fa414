/** `seamstress tap`: a recording reverse proxy, to see what really arrives behind a gateway. */
import { Command } from 'commander';
import { messageOf, SeamstressError } from '../errors.ts';
import type { Exchange } from '../tap/exchange.ts';
import { interruptible } from './interrupt.ts';
import { integer } from './options.ts';

interface TapOptions {
  readonly upstream: string;
  readonly port: number;
  readonly out?: string;
  readonly json?: boolean;
}

export function tapCommand(): Command {
  return new Command('tap')
    .summary('record what passes between a gateway and an engine')
    .description(
      'Runs a recording reverse proxy on loopback until it is stopped. Streams pass through at once and unchanged; keys and cookies are never written.',
    )
    .requiredOption('--upstream <url>', 'the root URL of the server behind the tap')
    .option('--port <number>', 'the port; 0 takes any', integer(0, 65_535), 0)
    .option('--out <file>', 'write each exchange there, one JSON line each')
    .option('--json', 'print {"url"} when ready, then each exchange as a JSON line')
    .addHelpText(
      'after',
      `
Examples:
  seamstress tap --upstream http://127.0.0.1:8000 --port 9000 --out tap.ndjson
  then point the gateway at http://127.0.0.1:9000`,
    )
    .action(async (options: TapOptions) => {
      await tap(options);
    });
}

async function tap(options: TapOptions): Promise<void> {
  const [{ startTap }, { lineOf }, { closeSync, openSync, writeSync }] = await Promise.all([
    import('../tap/tap.ts'),
    import('../tap/exchange.ts'),
    import('node:fs'),
  ]);
  const { visible } = await import('../tokens/text.ts');
  const { parseAddress } = await import('../wire/address.ts');
  parseAddress(options.upstream);
  const trouble = (what: string) => (cause: unknown) =>
    new SeamstressError('output', `${what}: ${messageOf(cause)}`, {
      hint: 'Give another file with --out.',
      cause,
    });
  // Prompts are private: nobody else on the machine has to read them.
  const file =
    options.out === undefined
      ? undefined
      : attempt(
          () => openSync(options.out ?? '', 'w', 0o600),
          trouble(`cannot write ${options.out}`),
        );
  const interrupt = interruptible();
  let failure: SeamstressError | undefined;
  const stopped = new Promise<void>((resolve) => {
    interrupt.signal.addEventListener('abort', () => resolve(), { once: true });
  });
  const apiKey = process.env['SEAMSTRESS_API_KEY'];
  let fail = (): void => {};
  const failed = new Promise<void>((resolve) => (fail = resolve));
  const onExchange = (exchange: Exchange): void => {
    const line = options.json === true || file !== undefined ? lineOf(exchange) : '';
    if (options.json === true) console.log(line);
    else console.log(visible(summaryOf(exchange)));
    if (file === undefined || failure !== undefined) return;
    try {
      writeSync(file, `${line}\n`);
    } catch (error) {
      failure = trouble(`cannot write ${options.out ?? ''}`)(error);
      fail();
    }
  };
  const running = await startTap({
    upstream: options.upstream,
    port: options.port,
    onExchange,
    secrets: apiKey === undefined || apiKey === '' ? [] : [apiKey],
  }).catch((error: unknown) => {
    throw new SeamstressError(
      'usage',
      `cannot listen on port ${options.port}: ${messageOf(error)}`,
      { hint: 'Give another one with --port; 0 takes any.', cause: error },
    );
  });
  console.log(
    options.json === true
      ? JSON.stringify({ url: running.url, upstream: running.upstream })
      : `tap on ${running.url} in front of ${running.upstream}`,
  );
  await Promise.race([stopped, failed]);
  await running.close();
  interrupt.release();
  if (file !== undefined) closeSync(file);
  if (failure !== undefined) throw failure;
}

function attempt<T>(step: () => T, explain: (cause: unknown) => Error): T {
  try {
    return step();
  } catch (error) {
    throw explain(error);
  }
}

function summaryOf({ method, path, request, response, end, trouble, ms }: Exchange): string {
  const answer =
    response === undefined ? 'no answer' : `${response.status}, ${response.body.bytes} bytes`;
  const how = end === 'complete' ? '' : `, ${trouble ?? end}`;
  return `${method} ${path} (${request.body.bytes} bytes) → ${answer}${how}, ${ms.toFixed(0)} ms`;
}
