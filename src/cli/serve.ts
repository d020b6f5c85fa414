/** `seamstress serve`: the embedded server on its own, to try requests by hand. */
import { Command } from 'commander';
import { messageOf, SeamstressError } from '../errors.ts';
import { interruptible } from './interrupt.ts';
import { integer, list } from './options.ts';

interface ServeOptions {
  readonly port: number;
  readonly fault?: readonly string[];
  readonly seed: number;
  readonly json?: boolean;
}

export function serveCommand(): Command {
  return new Command('serve')
    .summary('run the embedded reference server')
    .description('Runs the embedded reference server on loopback until it is stopped.')
    .option('--port <number>', 'the port; 0 takes any', integer(0, 65_535), 8080)
    .option('--fault <name>', 'plant a fault, as NAME or NAME@RATE; repeatable', list)
    .option('--seed <number>', 'for faults with a rate and for noise', integer(0, 2 ** 31 - 1), 1)
    .option('--json', 'print {"url"} when ready')
    .action(async (options: ServeOptions) => {
      const [{ startReference }, { parseFault }] = await Promise.all([
        import('../reference/server.ts'),
        import('../reference/faults.ts'),
      ]);
      const faults = (options.fault ?? []).map(parseFault);
      const server = await startReference({ port: options.port, faults, seed: options.seed }).catch(
        (error: unknown) => {
          throw new SeamstressError(
            'usage',
            `cannot listen on port ${options.port}: ${messageOf(error)}`,
            {
              hint: 'Give another one with --port; 0 takes any.',
              cause: error,
            },
          );
        },
      );
      const interrupt = interruptible();
      const planted =
        faults.length === 0 ? '' : ` with ${faults.map((fault) => fault.name).join(', ')}`;
      console.log(
        options.json === true
          ? JSON.stringify({ url: server.url })
          : `reference server${planted} on ${server.url}`,
      );
      await new Promise<void>((resolve) =>
        interrupt.signal.addEventListener('abort', () => resolve(), { once: true }),
      );
      await server.close();
      interrupt.release();
    });
}
