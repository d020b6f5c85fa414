/** `--via`: a tap and a gateway in front of the target of a command, and the test of them. */
import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runHops } from '../campaign/hops.ts';
import { chooseModel, httpOptions } from '../dialects/acquaint.ts';
import type { Target } from '../dialects/dialect.ts';
import { parseGateway } from '../engines/gateway-spec.ts';
import { startLitellm, type RunningGateway } from '../engines/litellm.ts';
import { messageOf, SeamstressError } from '../errors.ts';
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
  /** The record of a run with its hops; the `run.json` in the folder is written anew. */
  addTo(record: RunRecord, scenarios: readonly Scenario[], folder: string): Promise<RunRecord>;
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
  return {
    test,
    addTo: async (record, scenarios, folder) => {
      if (signal.aborted) return record;
      const whole = { ...record, hops: await test(scenarios) };
      rewrite(folder, whole);
      return whole;
    },
    close: () => closeBoth(gateway, tap),
  };
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

function rewrite(folder: string, record: RunRecord): void {
  try {
    const path = join(folder, 'run.json');
    writeFileSync(`${path}.tmp`, `${JSON.stringify(record, undefined, 2)}\n`);
    renameSync(`${path}.tmp`, path);
  } catch (error) {
    throw new SeamstressError('output', `cannot write to ${folder}: ${messageOf(error)}`, {
      hint: 'Give another folder with --out.',
      cause: error,
    });
  }
}
