/** Running a client with nothing but loopback as its network. */
import { runTool } from '../engines/tool.ts';
import { relay, RELAY_URL } from './relay.ts';

/** How a client is kept to itself. */
export const ISOLATIONS = [
  /** It runs as it would anyway. */
  'none',
  /** An empty home and a bare environment; its network is ours. */
  'environment',
  /** The same, in a network namespace that holds loopback alone. */
  'network',
] as const;
export type Isolation = (typeof ISOLATIONS)[number];

const UP = 'ip link set lo up';
const NAMESPACE = ['unshare', '--map-root-user', '--net', 'sh', '-c'] as const;

/** What this system permits: `network` where a namespace can be made, else `environment`. */
export async function bestIsolation(signal: AbortSignal): Promise<Isolation> {
  if (process.platform !== 'linux') return 'environment';
  const [program, ...args] = NAMESPACE;
  const made = await runTool(program, [...args, UP], { signal, timeoutMs: 10_000 });
  return made.code === 0 ? 'network' : 'environment';
}

/** The command that runs `command` in a namespace where `port` leads to the Unix socket. */
export function inNamespace(command: readonly string[], socket: string, port: number): string[] {
  const module = RELAY_URL.replace(/\/src\/audit\/relay\.ts$/, '/dist/audit/relay.js');
  const script = `import { ${relay.name} } from ${JSON.stringify(module)};
const [socket, port, ...command] = process.argv.slice(1);
process.exit(await ${relay.name}(socket, Number(port), command));`;
  const node = [process.execPath, '--input-type=module', '-e', script, '--'];
  return [...NAMESPACE, `${UP} && exec "$@"`, 'sh', ...node, socket, String(port), ...command];
}
