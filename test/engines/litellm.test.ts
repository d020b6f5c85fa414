/** The real LiteLLM proxy in front of real engines. The first run on a machine installs it, which takes minutes. */
import { readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { request } from 'undici';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { openHops, type OpenHops } from '../../src/cli/hops.ts';
import { openTarget, type OpenTarget } from '../../src/cli/target.ts';
import { startLitellm } from '../../src/engines/litellm.ts';
import {
  hopsReport,
  hopsStatus,
  type HopsReport,
  type HopVerdict,
} from '../../src/reports/hops.ts';
import { loadScenarios } from '../../src/scenario/load.ts';
import { startTap } from '../../src/tap/tap.ts';
import type { Exchange } from '../../src/tap/exchange.ts';
import { packOf, readRun, seamstress, start, temporaryFolder } from '../commands/cli.test-help.ts';

const { signal } = new AbortController();
const CHAT = '/v1/chat/completions';
const MESSAGES = '/v1/messages';
const HOP = 'LiteLLM 1.109.1';

/** Folders of configurations, those that other runs have at this moment left out. */
const before = new Set(await readdir(tmpdir()));
async function configFolders(): Promise<string[]> {
  return (await readdir(tmpdir())).filter(
    (name) => name.startsWith('seamstress-litellm-') && !before.has(name),
  );
}

function verdict(report: HopsReport, route: string, arm: string): HopVerdict {
  const found = report.verdicts.find((one) => one.route === route && one.arm === arm);
  if (found === undefined) throw new Error(`no verdict for ${route} ${arm}`);
  return found;
}

/** An engine and the gateway in front of it, for the tests of one block: a report for each list of scenarios. */
function behind(
  engine: string,
  ...packs: readonly (readonly string[])[]
): (i?: number) => HopsReport {
  let open: OpenTarget | undefined;
  let hops: OpenHops | undefined;
  const reports: HopsReport[] = [];
  beforeAll(async () => {
    open = await openTarget({ engine, dialect: 'auto' }, 1, signal, () => {});
    hops = await openHops('litellm', open.target, signal, () => {});
    for (const ids of packs)
      reports.push(await hops.test((await loadScenarios([])).filter(({ id }) => ids.includes(id))));
  });
  afterAll(async () => {
    await hops?.close();
    await open?.close();
    expect(await configFolders()).toEqual([]);
  });
  return (i = 0) => {
    const report = reports[i];
    if (report === undefined) throw new Error('there is no report');
    return report;
  };
}

/** Fields of tools in one arm, as `field change`. */
function ofTools(report: HopsReport, route: string, arm: string): string[] {
  return report.rows
    .filter((row) => row.route === route && row.arm === arm && /tool/.test(row.field))
    .map(({ field, change }) => `${field} ${change}`);
}

describe('in front of vLLM, which must be asked for a continuation', () => {
  const report = behind('vllm', ['no-thinking'], ['tool-again']);

  test('/v1/messages loses the prefill at the gateway', () => {
    const { cuts } = report();
    expect(cuts).toBeGreaterThan(1);
    const lost = { harmed: cuts, putRight: cuts, hop: HOP, proxied: { exact: 0, error: 0 } };
    expect(verdict(report(), MESSAGES, 'plain')).toMatchObject({
      ...lost,
      cause: 'continuation-not-asked',
    });
    expect(verdict(report(), MESSAGES, 'prefix')).toMatchObject({
      ...lost,
      cause: 'marker-stripped',
    });
    expect(verdict(report(), CHAT, 'prefix')).toMatchObject({
      ...lost,
      cause: 'marker-untranslated',
    });
  });

  test('/v1/chat/completions with flags does not, nor do flags in extra_body or on /v1/messages', () => {
    const kept = { harmed: 0, proxied: { exact: report().cuts } };
    for (const [route, arm] of [
      [CHAT, 'flags'],
      [CHAT, 'extra_body'],
      [MESSAGES, 'flags'],
      [MESSAGES, 'extra_body'],
    ] as const) {
      expect(verdict(report(), route, arm)).toMatchObject(kept);
      expect(verdict(report(), route, arm)).not.toHaveProperty('hop');
    }
    expect(verdict(report(), CHAT, 'flags').direct.exact).toBe(report().cuts);
    // Straight to vLLM nobody unpacks extra_body.
    expect(verdict(report(), CHAT, 'extra_body').direct.exact).toBe(0);
  });

  test('tools: chat passes every part of them, /v1/messages drops the text beside a call', () => {
    const tools = report(1);
    expect(tools.errors).toEqual([]);
    expect(tools.notTested.join()).toMatch(/unfinished tool call \(1 cut\)/);
    for (const arm of ['plain', 'flags', 'extra_body']) {
      const seen = ofTools(tools, CHAT, arm);
      expect(seen).toContain('tools kept');
      expect(seen).toContain('messages[-1].tool_calls[0].arguments kept');
      expect(seen.filter((line) => !line.endsWith(' kept'))).toEqual([]);
      expect(verdict(tools, CHAT, arm)).toMatchObject({ harmed: 0, causes: [] });
    }
    for (const arm of ['plain', 'prefix', 'flags', 'extra_body']) {
      const seen = ofTools(tools, MESSAGES, arm);
      expect(seen).toContain('tools reshaped');
      expect(seen).toContain('messages[-1].content[tool_use][0].input reshaped');
      expect(seen).toContain('messages[2].tool_call_id kept');
      // The line breaks between the thought and the call.
      expect(verdict(tools, MESSAGES, arm).causes).toContain('text-dropped');
      expect(verdict(tools, MESSAGES, arm).causes).not.toContain('history-changed');
    }
    const flagged = verdict(tools, MESSAGES, 'flags');
    expect(flagged).toMatchObject({ cause: 'text-dropped', hop: HOP });
    expect(flagged.harmed).toBeGreaterThan(0);
    expect(flagged.line).toContain('drops messages[-1].content');
  });

  test('the evidence is what the tap saw and the engine rendered', () => {
    const { example } = verdict(report(), MESSAGES, 'prefix');
    expect(example?.sent).toMatchObject({ path: MESSAGES });
    expect(example?.forwarded.path).toBe(CHAT);
    expect(JSON.stringify(example?.sent.body)).toContain('"prefix":true');
    expect(JSON.stringify(example?.forwarded.body)).not.toMatch(/prefix|continue_final_message/);
    expect(example?.rendered.endsWith(example.wanted)).toBe(false);
    const print = hopsReport(report());
    expect(print).toContain(
      `${HOP} drops messages[-1].prefix, rewrites the endpoint to /v1/chat/completions, sends no flag that asks for the continuation.`,
    );
    expect(print).toMatch(/messages\[-1\]\.prefix +true +– \(dropped\) +turn closed/);
    expect(hopsStatus(report(), new Set(['diverged']))).toBe(1);
    expect(report().errors).toEqual([]);
  });
});

describe('in front of llama.cpp, which continues unasked', () => {
  const report = behind('llama.cpp@2026.10.11549', ['no-thinking', 'add'], ['tool', 'tool-again']);

  test('tools pass, and what refuses a call in the prefill is the engine', () => {
    const tools = report(1);
    expect(tools.errors).toEqual([]);
    expect(tools.scenarios).toBe(2);
    expect(ofTools(tools, CHAT, 'plain')).toContain('tools kept');
    expect(ofTools(tools, MESSAGES, 'plain')).toContain('tools reshaped');
    const plain = verdict(tools, CHAT, 'plain');
    expect(plain.proxied).toEqual(plain.direct);
    expect(plain).toMatchObject({ harmed: 0, causes: [] });
    expect(plain.direct.rejected).toBeGreaterThan(0);
  });

  test('the flag never arrives from /v1/messages, and the marker is stripped', () => {
    const { causes } = verdict(report(), MESSAGES, 'prefix');
    expect(causes).toContain('marker-stripped');
    expect(verdict(report(), MESSAGES, 'plain').causes).toContain('continuation-not-asked');
    const rows = report().rows.filter(({ route, arm }) => route === MESSAGES && arm === 'prefix');
    expect(rows.find(({ field }) => field === 'messages[-1].prefix')).toMatchObject({
      change: 'dropped',
      sent: 'true',
    });
    expect(rows.some(({ field }) => field.includes('continue_final_message'))).toBe(false);
  });

  test('a thought alone arrives without content and is refused: the gateway’s doing', () => {
    const found = verdict(report(), MESSAGES, 'flags');
    expect(found.proxied.rejected).toBeGreaterThan(0);
    expect(found).toMatchObject({ cause: 'content-missing', hop: HOP });
    expect(found.putRight).toBeGreaterThan(0);
  });

  test('chat with flags is on both ways the same', () => {
    const { direct, proxied, harmed } = verdict(report(), CHAT, 'flags');
    expect(proxied).toEqual(direct);
    expect(harmed).toBe(0);
  });

  test('text parts are joined with a line break of the gateway’s own', () => {
    const row = report().rows.find(
      ({ arm, change }) => arm === 'parts+flags' && change === 'joined',
    );
    expect(row).toMatchObject({ field: 'messages[-1].content', detail: '\n' });
  });
});

describe('a run with a gateway', () => {
  const cwd = temporaryFolder();

  test('that is stopped while it tests it goes on to the end, and analyze keeps what it learned', async () => {
    const pack = packOf(cwd, ['add', 'no-thinking', 'tool', 'go']);
    const plan = ['--strategy', 'reasoning-field', '--cuts', '3', '--seed', '5', '--out', 'run'];
    const timeoutMs = 400_000;
    const running = start(['run', pack, '--target', 'reference', '--via', 'litellm', ...plan], {
      cwd,
      timeoutMs,
    });
    await vi.waitFor(() => expect(running.stderr()).toContain('hops: add, '), timeoutMs);
    running.child.kill('SIGINT');
    await running.ended;
    const stopped = readRun(join(cwd, 'run')).record;
    expect(stopped.interrupted).toBe('signal');
    expect(stopped.hops?.scenarios).toBeGreaterThan(0);
    expect(stopped.hops?.unreached).toBeGreaterThan(0);
    expect(stopped.target.hops).toEqual([HOP]);
    expect(stopped.notTested).toContainEqual(
      expect.objectContaining({
        what: `scenarios: resumes through the gateway ${HOP}`,
        count: stopped.hops?.unreached,
      }),
    );

    const ended = await seamstress(['run', '--resume', 'run'], { cwd, timeoutMs });
    expect(ended.stdout).toContain(`hops: client → ${HOP} → tap → `);
    const whole = readRun(join(cwd, 'run')).record;
    expect(whole.interrupted).toBeUndefined();
    expect(whole.hops).toMatchObject({ scenarios: 4, errors: [] });
    expect(whole.hops).not.toHaveProperty('unreached');
    expect(whole.notTested.filter(({ what }) => what.includes('gateway'))).toEqual([]);
    // Nothing is left to go on with, and nothing is lost where there is no gateway.
    expect((await seamstress(['run', '--resume', 'run'], { cwd })).stderr).toContain(
      'was not interrupted',
    );
    await seamstress(['analyze', 'run', '--out', 'again'], { cwd });
    const again = readRun(join(cwd, 'again')).record;
    expect(again.hops).toEqual(whole.hops);
    expect(again.target.hops).toEqual(whole.target.hops);
  }, 900_000);
});

test('streams through proxy and tap, keeps its keys to itself, and leaves nothing behind', async () => {
  vi.stubEnv('PLANTED_KEY', 'planted-upstream-key');
  const open = await openTarget({ target: 'reference', dialect: 'auto' }, 1, signal, () => {});
  const seen: Exchange[] = [];
  const tap = await startTap({
    upstream: open.target.identity.url,
    // It asks for the list of models when it starts.
    onExchange: (exchange) => void (exchange.method === 'POST' && seen.push(exchange)),
  });
  const gateway = await startLitellm(
    { name: 'litellm', version: undefined },
    { upstream: tap.url, model: 'thinker', keyVariable: 'PLANTED_KEY', signal, progress: () => {} },
  );
  const ask = (key: string): ReturnType<typeof request> =>
    request(`${gateway.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${key}` },
      body: JSON.stringify({
        model: 'thinker',
        stream: true,
        max_tokens: 8,
        messages: [{ role: 'user', content: 'Add 478 and 256.' }],
      }),
    });
  try {
    // Without a database it cannot look a key up, and says 400 in place of 401.
    const refused = await ask('sk-wrong');
    await refused.body.dump();
    expect([400, 401]).toContain(refused.statusCode);
    const reply = await ask(gateway.key);
    expect(reply.statusCode).toBe(200);
    expect(await reply.body.text()).toContain('data: [DONE]');
    await tap.idle();
    expect(seen).toHaveLength(1);
    expect(seen[0]).toMatchObject({ end: 'complete', path: CHAT });
    // The key did arrive: the upstream's, in place of the client's; and neither is recorded.
    expect(
      seen[0]?.request.headers['authorization'] ?? seen[0]?.request.headers['Authorization'],
    ).toBe('[redacted]');
    expect(JSON.stringify(seen) + gateway.log()).not.toContain('planted-upstream-key');
    expect(JSON.stringify(seen)).not.toContain(gateway.key);
  } finally {
    await gateway.stop();
    await tap.close();
    await open.close();
    vi.unstubAllEnvs();
  }
  expect(await configFolders()).toEqual([]);
  await expect(request(`${gateway.url}/health/liveliness`)).rejects.toThrow('ECONNREFUSED');
});

test('a version that the index does not have fails with what it has', async () => {
  await expect(
    startLitellm(
      { name: 'litellm', version: '1.0.99999' },
      { upstream: 'http://127.0.0.1:1', model: 'm', signal, progress: () => {} },
    ),
  ).rejects.toMatchObject({
    code: 'engine',
    message: 'litellm 1.0.99999 is not on the package index',
  });
});
