/** `seamstress tap`: a recording reverse proxy, to see what really arrives behind a gateway. */
import { once } from 'node:events';
import { closeSync, openSync, writeSync } from 'node:fs';
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

async function tap({ upstream, port, out, json }: TapOptions): Promise<void> {
  const [{ startTap }, { lineOf }, { visible }, { parseAddress }] = await Promise.all([
    import('../tap/tap.ts'),
    import('../tap/exchange.ts'),
    import('../tokens/text.ts'),
    import('../wire/address.ts'),
  ]);
  parseAddress(upstream);
  // Prompts are private: nobody else on the machine has to read them.
  const file = out === undefined ? undefined : writing(out, () => openSync(out, 'w', 0o600));
  const interrupt = interruptible();
  const broken = new AbortController();
  const apiKey = process.env['SEAMSTRESS_API_KEY'];
  const running = await startTap({
    upstream,
    port,
    onExchange: (exchange) => {
      console.log(json === true ? lineOf(exchange) : visible(summaryOf(exchange)));
      if (file === undefined || out === undefined || broken.signal.aborted) return;
      try {
        writing(out, () => writeSync(file, `${lineOf(exchange)}\n`));
      } catch (error) {
        broken.abort(error);
      }
    },
    secrets: apiKey === undefined || apiKey === '' ? [] : [apiKey],
  }).catch((error: unknown) => {
    throw new SeamstressError('usage', `cannot listen on port ${port}: ${messageOf(error)}`, {
      hint: 'Give another one with --port; 0 takes any.',
      cause: error,
    });
  });
  console.log(
    json === true
      ? JSON.stringify({ url: running.url, upstream: running.upstream })
      : `tap on ${running.url} in front of ${running.upstream}`,
  );
  const end = AbortSignal.any([interrupt.signal, broken.signal]);
  if (!end.aborted) await once(end, 'abort');
  await running.close();
  interrupt.release();
  if (file !== undefined) closeSync(file);
  broken.signal.throwIfAborted();
}

function writing<T>(path: string, step: () => T): T {
  try {
    return step();
  } catch (error) {
    throw new SeamstressError('output', `cannot write ${path}: ${messageOf(error)}`, {
      hint: 'Give another file with --out.',
      cause: error,
    });
  }
}

function summaryOf({ method, path, request, response, end, trouble, ms }: Exchange): string {
  const answer =
    response === undefined ? 'no answer' : `${response.status}, ${response.body.bytes} bytes`;
  const how = end === 'complete' ? '' : `, ${trouble ?? end}`;
  return `${method} ${path} (${request.body.bytes} bytes) → ${answer}${how}, ${ms.toFixed(0)} ms`;
}
