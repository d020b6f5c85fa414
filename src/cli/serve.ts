/** `seamstress serve`: the embedded server on its own, to try requests by hand. */
import { Command } from 'commander';
import { messageOf, SeamstressError } from '../errors.ts';
import {
  DEFAULT_PERSONA,
  personaHelp,
  personaNamed,
  requireFaulty,
} from '../reference/personas/catalogue.ts';
import { interruptible } from './interrupt.ts';
import { integer, list } from './options.ts';

/** What is said of it; the default needs no name. */
function nameOf(persona: string): string {
  return persona === DEFAULT_PERSONA ? 'reference server' : `reference server as ${persona}`;
}

interface ServeOptions {
  readonly port: number;
  readonly persona: string;
  readonly fault?: readonly string[];
  readonly seed: number;
  readonly json?: boolean;
}

export function serveCommand(): Command {
  return new Command('serve')
    .summary('run the embedded reference server')
    .description('Runs the embedded reference server on loopback until it is stopped.')
    .option('--port <number>', 'the port; 0 takes any', integer(0, 65_535), 8080)
    .option('--persona <name>', 'the server that it behaves as; see below', DEFAULT_PERSONA)
    .option('--fault <name>', 'plant a fault, as NAME or NAME@RATE; repeatable', list)
    .option('--seed <number>', 'for faults with a rate and for noise', integer(0, 2 ** 31 - 1), 1)
    .option('--json', 'print {"url"} when ready')
    .addHelpText('after', personaHelp())
    .action(async (options: ServeOptions) => {
      const [{ startReference }, { parseFault }] = await Promise.all([
        import('../reference/server.ts'),
        import('../reference/faults.ts'),
      ]);
      const faults = (options.fault ?? []).map(parseFault);
      if (faults.length > 0) requireFaulty(options.persona);
      const persona = await personaNamed(options.persona);
      const server = await startReference({
        persona,
        port: options.port,
        faults,
        seed: options.seed,
      }).catch((error: unknown) => {
        throw new SeamstressError(
          'usage',
          `cannot listen on port ${options.port}: ${messageOf(error)}`,
          {
            hint: 'Give another one with --port; 0 takes any.',
            cause: error,
          },
        );
      });
      const interrupt = interruptible();
      const planted =
        faults.length === 0 ? '' : ` with ${faults.map((fault) => fault.name).join(', ')}`;
      console.log(
        options.json === true
          ? JSON.stringify({ url: server.url })
          : `${nameOf(options.persona)}${planted} on ${server.url}`,
      );
      await new Promise<void>((resolve) =>
        interrupt.signal.addEventListener('abort', () => resolve(), { once: true }),
      );
      await server.close();
      interrupt.release();
    });
}
