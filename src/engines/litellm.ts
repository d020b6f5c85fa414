/** The LiteLLM proxy: provisioned like an engine, started on loopback in front of one. */
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { bringUp } from './bring-up.ts';
import { PYTHON_LAUNCHER } from './bundle.ts';
import type { GatewaySpec } from './gateway-spec.ts';
import { freePort, LOOPBACK } from './port.ts';
import { provision } from './provision.ts';
import type { Progress, RunningEngine } from './running.ts';
import { startServer } from './server.ts';
import type { GatewayName } from './spec.ts';

const HEALTH_MS = 300_000;

/** What a gateway is started with. */
export interface GatewayOptions {
  /** The root URL of the server that it passes requests on to. */
  readonly upstream: string;
  /** The model: the gateway serves it under the same name. */
  readonly model: string;
  /** The name of an environment variable with a key for the upstream; its value is never written. */
  readonly keyVariable?: string;
  readonly signal: AbortSignal;
  readonly progress: Progress;
  /** @defaultValue 300 s */
  readonly healthMs?: number;
}

/** A gateway of ours that answers. */
export interface RunningGateway extends Pick<RunningEngine, 'url' | 'version' | 'exited' | 'log'> {
  readonly name: GatewayName;
  /** For the `authorization` header of its clients; made at random for this start. */
  readonly key: string;
  /** Ends the process and everything it started. May be called twice. */
  stop(): Promise<void>;
}

/**
 * What the proxy reads at its start. It retries nothing and cools nothing down, so that each
 * request of a client is one request to the engine; the upstream counts as compatible with vLLM.
 */
export function litellmConfig({
  upstream,
  model,
  keyVariable,
}: Pick<GatewayOptions, 'upstream' | 'model' | 'keyVariable'>): string {
  return stringify({
    model_list: [
      {
        model_name: model,
        litellm_params: {
          model: `hosted_vllm/${model}`,
          api_base: `${upstream}/v1`,
          api_key: keyVariable === undefined ? 'none' : `os.environ/${keyVariable}`,
        },
      },
    ],
    litellm_settings: { drop_params: true, telemetry: false },
    router_settings: { num_retries: 0, disable_cooldowns: true },
  });
}

/**
 * Provisions the LiteLLM proxy, starts it on loopback and waits until it is up.
 *
 * @throws SeamstressError `engine` when it cannot be installed or started; `interrupted`
 */
export async function startLitellm(
  spec: GatewaySpec,
  options: GatewayOptions,
): Promise<RunningGateway> {
  const { signal, progress, healthMs = HEALTH_MS } = options;
  const { python, marker } = await provision(spec, { signal, progress });
  const port = await freePort();
  const folder = await mkdtemp(join(tmpdir(), 'seamstress-litellm-'));
  const clean = (): Promise<void> => rm(folder, { recursive: true, force: true });
  const key = `sk-${randomBytes(24).toString('hex')}`;
  try {
    const config = join(folder, 'config.yaml');
    await writeFile(config, litellmConfig(options), { mode: 0o600 });
    const args = ['--config', config, '--host', LOOPBACK, '--port', String(port)];
    const server = startServer(
      { program: python, args: [PYTHON_LAUNCHER, 'litellm', ...args] },
      { ...ENVIRONMENT, LITELLM_MASTER_KEY: key },
    );
    void server.exited.then(clean);
    const running = await bringUp(server, {
      title: `LiteLLM ${marker.version}`,
      url: Promise.resolve(`http://${LOOPBACK}:${port}`),
      signal,
      progress,
      healthMs,
      healthPath: '/health/liveliness',
      identify: () =>
        Promise.resolve({
          name: spec.name,
          version: marker.version,
          build: undefined,
          dialect: 'auto',
        }),
    });
    // It has been read; a harness that is killed from here on leaves nothing behind.
    await clean();
    return {
      name: spec.name,
      version: marker.version,
      url: running.url,
      key,
      exited: running.exited,
      log: running.log,
      stop: () => running.stop(),
    };
  } catch (error) {
    await clean();
    throw error;
  }
}

const ENVIRONMENT: Readonly<Record<string, string>> = {
  // The table of prices would be fetched from the network.
  LITELLM_LOCAL_MODEL_COST_MAP: 'True',
  LITELLM_TELEMETRY: 'False',
  DO_NOT_TRACK: '1',
  // The engine is on this machine, whatever proxy the user has for the rest of the world.
  NO_PROXY: '127.0.0.1,localhost,::1',
  no_proxy: '127.0.0.1,localhost,::1',
};
