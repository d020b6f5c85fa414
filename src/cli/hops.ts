/** `--via`: a tap and a gateway in front of the target of a command, and the test of them. */
import { whyNoHops, withHops, withoutHops } from '../campaign/hop-record.ts';
import { runHops } from '../campaign/hops.ts';
import { chooseModel, httpOptions } from '../dialects/acquaint.ts';
import type { Target } from '../dialects/dialect.ts';
import { parseGateway } from '../engines/gateway-spec.ts';
import { startLitellm, type RunningGateway } from '../engines/litellm.ts';
import { messageOf } from '../errors.ts';
import type { HopsReport } from '../reports/hops.ts';
import type { RunRecord } from '../reports/record.ts';
import type { Scenario } from '../scenario/schema.ts';
import type { Exchange } from '../tap/exchange.ts';
import { startTap, type Tap } from '../tap/tap.ts';
import { HttpClient } from '../wire/http.ts';

const KEY_VARIABLE = 'SEAMSTRESS_API_KEY';

export interface OpenHops {
  /** Sends resumes of the scenarios both ways. */
  test(scenarios: readonly Scenario[]): Promise<HopsReport>;
  close(): Promise<void>;
}

/**
 * Starts a tap in front of the target and the gateway in front of the tap.
 *
 * @throws SeamstressError `engine` when the gateway cannot be provisioned or started
 */
export async function openHops(
  via: string,
  target: Target,
  signal: AbortSignal,
  progress: (line: string) => void,
): Promise<OpenHops> {
  const spec = parseGateway(via);
  const { url, model: named, dialect } = target.identity;
  const apiKey = process.env[KEY_VARIABLE] || undefined;
  const model = await modelAt(url, dialect, named, apiKey, signal);
  let exchanges: Exchange[] = [];
  const tap = await startTap({
    upstream: url,
    onExchange: (exchange) => exchanges.push(exchange),
    secrets: apiKey === undefined ? [] : [apiKey],
  });
  let gateway: RunningGateway;
  try {
    gateway = await startLitellm(spec, {
      upstream: tap.url,
      model,
      ...(apiKey === undefined ? {} : { keyVariable: KEY_VARIABLE }),
      signal,
      progress,
    });
  } catch (error) {
    await tap.close();
    throw error;
  }
  const arrived = async (): Promise<readonly Exchange[]> => {
    await tap.idle();
    const taken = exchanges;
    exchanges = [];
    return taken;
  };
  const test = async (scenarios: readonly Scenario[]): Promise<HopsReport> =>
    await runHops(target, {
      hop: {
        name: 'LiteLLM',
        version: gateway.version,
        url: gateway.url,
        key: gateway.key,
        arrived,
      },
      scenarios,
      model,
      ...(apiKey === undefined ? {} : { apiKey }),
      signal,
      progress,
    });
  return { test, close: () => closeBoth(gateway, tap) };
}

/** What `--via` means for a run. */
export interface RunVia {
  /** Undefined where the run has no gateway. */
  readonly via: string | undefined;
  readonly shard: { readonly index: number } | undefined;
  /** Requests or tokens of the run have a limit. */
  readonly limited: boolean;
  /** What an earlier part of the run has learned, and that is not to be learned again. */
  readonly kept?: HopsReport | undefined;
  readonly scenarios: readonly Scenario[];
}

/** The end of a run with a gateway. */
export interface ViaOfRun {
  /** The record with what the gateway did, or why that was not tested. */
  readonly lastly: (record: RunRecord) => Promise<RunRecord>;
  close(): Promise<void>;
}

/**
 * Starts the gateway of a run where it is to be tested.
 *
 * @throws SeamstressError `engine` when the gateway cannot be provisioned or started
 */
export async function viaOfRun(
  { via, shard, limited, kept, scenarios }: RunVia,
  target: Target,
  signal: AbortSignal,
  progress: (line: string) => void,
): Promise<ViaOfRun> {
  if (kept !== undefined)
    return { lastly: (record) => Promise.resolve(withHops(record, kept)), close: nothing };
  if (via === undefined) return { lastly: (record) => Promise.resolve(record), close: nothing };
  parseGateway(via);
  const never = whyNoHops({}, shard, limited);
  if (never !== undefined)
    return { lastly: (record) => Promise.resolve(withoutHops(record, via, never)), close: nothing };
  const hops = await openHops(via, target, signal, progress);
  return {
    lastly: async (record) => {
      const why = whyNoHops(record, shard, limited);
      if (why !== undefined) return withoutHops(record, via, why);
      try {
        const report = await hops.test(scenarios);
        const whole = withHops(record, report);
        return report.unreached === undefined ? whole : { ...whole, interrupted: 'signal' };
      } catch (error) {
        // The campaign is done, and is not to be lost with the gateway.
        const trouble = messageOf(error);
        const told = { ...record, errors: [...record.errors, `the gateway: ${trouble}`] };
        return withoutHops(told, via, trouble);
      }
    },
    close: () => hops.close(),
  };
}

function nothing(): Promise<void> {
  return Promise.resolve();
}

async function closeBoth(gateway: RunningGateway, tap: Tap): Promise<void> {
  await gateway.stop();
  await tap.close();
}

/** As the engine wants to be asked; llama.cpp takes any name, and its own is a path of the machine. */
async function modelAt(
  url: string,
  dialect: string,
  named: string,
  apiKey: string | undefined,
  signal: AbortSignal,
): Promise<string> {
  if (dialect !== 'vllm') return named;
  const http = new HttpClient(httpOptions({ url, ...(apiKey === undefined ? {} : { apiKey }) }));
  try {
    return (await chooseModel(http, dialect, named, signal)).id;
  } finally {
    await http.close();
  }
}
