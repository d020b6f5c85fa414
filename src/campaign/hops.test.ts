import { describe, expect, onTestFinished, test } from 'vitest';
import { connect, dialectNamed } from '../dialects/registry.ts';
import type { HopRequest } from '../diagnosis/hop-fields.ts';
import { personaNamed } from '../reference/personas/catalogue.ts';
import { startReference } from '../reference/server.ts';
import {
  hopsReport,
  hopsSchema,
  hopsStatus,
  type HopsReport,
  type HopVerdict,
} from '../reports/hops.ts';
import { loadScenarios } from '../scenario/load.ts';
import type { Exchange } from '../tap/exchange.ts';
import { startTap } from '../tap/tap.ts';
import { runHops } from './hops.ts';
import { fakeGateway, likeLitellm, type Rewriting } from './hops.test-help.ts';

const { signal } = new AbortController();
const FAIL_ON = new Set(['drift', 'diverged', 'rejected'] as const);

/** Those that end a test when its first scenario is done. */
const stopsAfterOne = new WeakSet<AbortController>();

/** A run through a fake gateway and a real tap, in front of the embedded server as a persona. */
async function through(
  persona: string,
  rewriting: Rewriting,
  ids: readonly string[] = ['no-thinking', 'add'],
  stop: AbortController = new AbortController(),
): Promise<HopsReport> {
  const server = await startReference({ persona: await personaNamed(persona) });
  onTestFinished(() => server.close());
  const dialect = dialectNamed(persona === 'vllm' ? 'vllm' : 'llama.cpp');
  const target = await connect(dialect, { url: server.url, engine: { name: persona } }, signal);
  onTestFinished(() => target.close());
  let seen: Exchange[] = [];
  const tap = await startTap({ upstream: server.url, onExchange: (one) => seen.push(one) });
  onTestFinished(() => tap.close());
  const report = await runHops(target, {
    hop: {
      name: 'Fake',
      version: '1',
      url: await fakeGateway(tap.url, rewriting),
      key: 'planted-gateway-key',
      arrived: async () => {
        await tap.idle();
        const taken = seen;
        seen = [];
        return taken;
      },
    },
    scenarios: (await loadScenarios([])).filter(({ id }) => ids.includes(id)),
    model: target.identity.model,
    signal: stop.signal,
    progress: () => stopsAfterOne.has(stop) && stop.abort(),
  });
  expect(hopsSchema.parse(JSON.parse(JSON.stringify(report)))).toEqual(report);
  expect(JSON.stringify(report)).not.toContain('planted');
  return report;
}

function verdict(report: HopsReport, route: string, arm: string): HopVerdict {
  const found = report.verdicts.find((one) => one.route === route && one.arm === arm);
  if (found === undefined) throw new Error(`no verdict for ${route} ${arm}`);
  return found;
}

function without(object: Readonly<Record<string, unknown>>, name: string): Record<string, unknown> {
  return Object.fromEntries(Object.entries(object).filter(([known]) => known !== name));
}

/** Trims the end of every text. */
function trimming({ path, body }: HopRequest): HopRequest {
  const messages = (body['messages'] as { content: unknown }[]).map(({ content, ...rest }) => ({
    ...rest,
    content: typeof content === 'string' ? content.trimEnd() : content,
  }));
  return { path, body: { ...body, messages } };
}

/** Forgets what was thought. */
function forgetful(sent: HopRequest): HopRequest {
  const { path, body } = likeLitellm(sent);
  const messages = body['messages'] as Record<string, unknown>[];
  return {
    path,
    body: { ...body, messages: messages.map((one) => without(one, 'reasoning_content')) },
  };
}

const CHAT = '/v1/chat/completions';
const MESSAGES = '/v1/messages';
const ALL = ['no-thinking'];

describe('in front of an engine that must be asked', () => {
  test('a gateway that passes everything on is never named', async () => {
    const report = await through('vllm', (sent) => ({ ...sent, path: sent.path }), ALL);
    const named = report.verdicts.filter(({ hop, route }) => hop !== undefined && route === CHAT);
    // A prefix marker is the gateway's to translate, and this one does not.
    expect(named.map(({ arm, cause }) => [arm, cause])).toEqual([
      ['prefix', 'marker-untranslated'],
    ]);
    expect(verdict(report, CHAT, 'flags')).toMatchObject({
      direct: { exact: report.cuts },
      proxied: { exact: report.cuts },
      harmed: 0,
      causes: [],
    });
    expect(verdict(report, CHAT, 'flags').line).toContain('forwards every field as it came');
  });

  test('one like LiteLLM loses the prefill of /v1/messages, and not that of chat with flags', async () => {
    const report = await through('vllm', likeLitellm, ALL);
    expect(report.cuts).toBeGreaterThan(1);
    const lost = {
      proxied: { exact: 0 },
      harmed: report.cuts,
      putRight: report.cuts,
      hop: 'Fake 1',
    };
    const kept = { proxied: { exact: report.cuts }, harmed: 0 };
    expect(verdict(report, MESSAGES, 'plain')).toMatchObject({
      ...lost,
      cause: 'continuation-not-asked',
    });
    expect(verdict(report, MESSAGES, 'prefix')).toMatchObject({
      ...lost,
      cause: 'marker-stripped',
    });
    expect(verdict(report, MESSAGES, 'flags')).toMatchObject(kept);
    expect(verdict(report, MESSAGES, 'extra_body')).toMatchObject(kept);
    expect(verdict(report, CHAT, 'prefix')).toMatchObject({
      ...lost,
      cause: 'marker-untranslated',
    });
    expect(verdict(report, CHAT, 'flags')).toMatchObject(kept);
    expect(verdict(report, CHAT, 'extra_body')).toMatchObject({ ...kept, direct: { exact: 0 } });
    const rows = report.rows.filter(({ route, arm }) => route === MESSAGES && arm === 'prefix');
    expect(rows).toContainEqual(
      expect.objectContaining({
        field: 'messages[-1].prefix',
        sent: 'true',
        change: 'dropped',
        rendered: 'turn closed',
      }),
    );
    expect(hopsStatus(report, FAIL_ON)).toBe(1);
    const print = hopsReport(report);
    expect(print).toContain(
      'Fake 1 drops messages[-1].prefix, rewrites the endpoint to /v1/chat/completions, sends no flag that asks for the continuation.',
    );
    expect(print).toMatch(/\/v1\/messages {2}prefix .*Fake 1: marker-stripped/);
    expect(print).toMatch(/messages\[-1\]\.prefix +true +– \(dropped\) +turn closed/);
  });

  test('one that drops the flags is named, with the engine’s own prompt as evidence', async () => {
    const report = await through(
      'vllm',
      ({ path, body }) => ({ path, body: without(body, 'continue_final_message') }),
      ALL,
    );
    const found = verdict(report, CHAT, 'flags');
    expect(found).toMatchObject({ cause: 'flags-dropped', direct: { exact: report.cuts } });
    expect(found.putRight).toBe(report.cuts);
    expect(found.example?.forwarded.body).not.toHaveProperty('continue_final_message');
    expect(found.example?.rendered).not.toBe(found.example?.wanted);
  });

  test('one that trims the text is named where the text ended in whitespace', async () => {
    const report = await through('vllm', trimming, ALL);
    const found = verdict(report, CHAT, 'flags');
    expect(found).toMatchObject({ cause: 'text-trimmed', direct: { exact: report.cuts } });
    expect(found.harmed).toBeGreaterThan(0);
    expect(found.harmed).toBeLessThan(report.cuts);
    expect(found.proxied.exact).toBe(report.cuts - found.harmed);
    expect(found.putRight).toBe(found.harmed);
  });
});

describe('in front of an engine that continues unasked', () => {
  test('lost flags do no harm, and the report says so', async () => {
    const report = await through('reference', likeLitellm);
    const found = verdict(report, MESSAGES, 'prefix');
    expect(found).toMatchObject({ proxied: { exact: report.cuts }, harmed: 0 });
    expect(found.causes).toEqual(['marker-stripped']);
    expect(found).not.toHaveProperty('hop');
    expect(found.line).toContain('Every prompt is exact all the same');
    expect(report.notTested.join()).toContain('/v1/messages straight to the engine');
  });

  test('a thought that is lost is the gateway’s doing', async () => {
    const report = await through('reference', forgetful, ['add']);
    const found = verdict(report, CHAT, 'plain');
    expect(found).toMatchObject({ cause: 'reasoning-dropped', harmed: report.cuts });
    expect(found.putRight).toBe(report.cuts);
  });
});

/** Changes the tool calls of the trailing message. */
function calling(change: (call: { function: { arguments: string } }) => unknown): Rewriting {
  return (sent) => {
    const { path, body } = likeLitellm(sent);
    const messages = body['messages'] as Record<string, unknown>[];
    const last = messages.at(-1);
    const calls = (last?.['tool_calls'] ?? []) as { function: { arguments: string } }[];
    const changed = calls.flatMap((call) => change(call) ?? []);
    return {
      path,
      body: {
        ...body,
        messages: [
          ...messages.slice(0, -1),
          {
            ...without(last ?? {}, 'tool_calls'),
            ...(changed[0] ? { tool_calls: changed } : {}),
          },
        ],
      },
    };
  };
}

describe('tools', () => {
  const TOOLS = ['tool', 'tool-again'];
  const CALL = /^messages\[-1\]\.tool_calls\[0\]/;

  test('are asked on every route and arm, one cut inside a call and one after it', async () => {
    const report = await through('reference', likeLitellm, TOOLS);
    expect(report.scenarios).toBe(2);
    expect(report.verdicts).toHaveLength(9);
    expect(report.errors).toEqual([]);
    expect(report.notTested.join()).toMatch(
      /\/v1\/messages, the text of an unfinished tool call \(2 cuts\)/,
    );
    for (const { route, causes } of report.verdicts)
      if (route === CHAT) expect(causes.filter((name) => name.includes('tool'))).toEqual([]);
    // The definitions pass in the other API's form, and so does what is held of a call.
    const on = (route: string, field: RegExp): string[] =>
      report.rows
        .filter((row) => row.route === route && row.arm === 'plain' && field.test(row.field))
        .map(({ field: name, change }) => `${name} ${change}`);
    expect(on(CHAT, /^tools/)).toEqual(['tools kept']);
    expect(on(MESSAGES, /^tools/)).toEqual(['tools reshaped']);
    expect(on(CHAT, CALL)).toContain('messages[-1].tool_calls[0].arguments kept');
    expect(on(MESSAGES, /tool_use/)).toContain('messages[-1].content[tool_use][0].input reshaped');
    const sent = report.verdicts.find(({ route, arm }) => route === MESSAGES && arm === 'plain');
    expect(JSON.stringify(sent?.example?.sent.body)).toContain('"input_schema"');
  });

  test('a call that is dropped is named, with its place', async () => {
    const report = await through(
      'reference',
      calling(() => undefined),
      TOOLS,
    );
    const found = verdict(report, CHAT, 'plain');
    expect(found.causes).toContain('tool-call-dropped');
    expect(found.harmed).toBeGreaterThan(0);
    expect(found.cause).toBe('tool-call-dropped');
    expect(found.line).toContain('drops messages[-1].tool_calls[0]');
    expect(hopsStatus(report, FAIL_ON)).toBe(1);
  });

  test('arguments written anew are named, and the prompt tells whether it matters', async () => {
    const report = await through(
      'reference',
      calling((call) => ({
        ...call,
        function: {
          ...call.function,
          arguments: call.function.arguments.replaceAll('": "', '":"'),
        },
      })),
      TOOLS,
    );
    const found = verdict(report, CHAT, 'plain');
    expect(found.causes).toEqual(['tool-call-rewritten']);
    expect(
      report.rows.filter(
        ({ arm, route, field }) => arm === 'plain' && route === CHAT && CALL.test(field),
      ),
    ).toContainEqual(
      expect.objectContaining({
        field: 'messages[-1].tool_calls[0].arguments',
        change: 'rewritten',
      }),
    );
    expect(found.line).toContain('messages[-1].tool_calls[0].arguments');
  });

  test('definitions that are changed are named field by field and do harm', async () => {
    const report = await through(
      'reference',
      (sent) => {
        const { path, body } = likeLitellm(sent);
        const tools = (body['tools'] as { function: object }[]).map((tool) => ({
          ...tool,
          function: without(tool.function as Record<string, unknown>, 'description'),
        }));
        return { path, body: { ...body, tools } };
      },
      ['tool'],
    );
    const found = verdict(report, CHAT, 'plain');
    expect(found).toMatchObject({ cause: 'tools-changed', harmed: report.cuts });
    expect(found.line).toContain('drops tools[0].description');
    expect(verdict(report, MESSAGES, 'plain').causes).toContain('tools-changed');
  });
});

test('a test that is stopped keeps the scenarios that are whole, and counts the others', async () => {
  const stop = new AbortController();
  stopsAfterOne.add(stop);
  const ids = ['no-thinking', 'add', 'go'];
  const report = await through('reference', likeLitellm, ids, stop);
  expect(report).toMatchObject({ scenarios: 1, unreached: 2, errors: [] });
  for (const { proxied } of report.verdicts)
    expect(Object.values(proxied).reduce((sum, n) => sum + n, 0)).toBe(report.cuts);
  const print = hopsReport(report);
  expect(print).toContain('not tested: 2 more scenarios; the test was stopped');
});

test('a gateway that refuses is rejected, and nothing of it is exact', async () => {
  const report = await through('reference', () => undefined, ALL);
  for (const { proxied, harmed } of report.verdicts)
    expect({ proxied, harmed }).toMatchObject({
      proxied: { exact: 0, rejected: report.cuts },
      harmed: 0,
    });
});
