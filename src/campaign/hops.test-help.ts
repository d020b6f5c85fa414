/** A gateway in a few lines: it passes requests on after a change of the test's own. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { request } from 'undici';
import { onTestFinished } from 'vitest';
import type { HopRequest } from '../diagnosis/hop-fields.ts';

/** What a gateway makes of a request; undefined: it answers with an error itself. */
export type Rewriting = (sent: HopRequest) => HopRequest | undefined;

/** Starts a gateway in front of a URL; closed when the test ends. */
export async function fakeGateway(upstream: string, rewriting: Rewriting): Promise<string> {
  const server = createServer((asked, response) => {
    void (async () => {
      let text = '';
      for await (const chunk of asked.setEncoding('utf8')) text += chunk as string;
      const body = JSON.parse(text) as HopRequest['body'];
      const forwarded = rewriting({ path: asked.url ?? '/', body });
      if (forwarded === undefined) {
        response.writeHead(400, { 'content-type': 'application/json' });
        response.end('{"error":{"message":"not with me"}}');
        return;
      }
      const reply = await request(upstream + forwarded.path, {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          authorization: asked.headers.authorization ?? '',
        },
        body: JSON.stringify(forwarded.body),
      });
      response.writeHead(reply.statusCode, { 'content-type': 'application/json' });
      response.end(await reply.body.text());
    })().catch(() => response.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** What LiteLLM does, as far as a resume is concerned: `/v1/messages` becomes chat, markers go or stay. */
export function likeLitellm({ path, body }: HopRequest): HopRequest {
  const { extra_body: extra, system, tools, ...rest } = body;
  const messages = rest['messages'] as Record<string, unknown>[];
  const translated = path === '/v1/messages' ? messages.flatMap(fromAnthropic) : messages;
  return {
    path: '/v1/chat/completions',
    body: {
      ...rest,
      messages: [
        ...(system === undefined ? [] : [{ role: 'system', content: system }]),
        ...translated,
      ],
      ...(tools === undefined
        ? {}
        : { tools: path === '/v1/messages' ? (tools as unknown[]).map(toolOf) : tools }),
      ...(extra as object | undefined),
      stream: false,
    },
  };
}

interface Part {
  readonly type: string;
  readonly text?: string;
  readonly thinking?: string;
  readonly id?: string;
  readonly name?: string;
  readonly input?: unknown;
  readonly tool_use_id?: string;
  readonly content?: unknown;
}

function fromAnthropic({ role, content }: Record<string, unknown>): Record<string, unknown>[] {
  if (!Array.isArray(content)) return [{ role, content }];
  const parts = content as readonly Part[];
  const results = parts.filter(({ type }) => type === 'tool_result');
  if (results.length > 0)
    return results.map((part) => ({
      role: 'tool',
      tool_call_id: part.tool_use_id,
      content: part.content,
    }));
  const thought = parts.map(({ thinking }) => thinking ?? '').join('');
  const calls = parts.filter(({ type }) => type === 'tool_use');
  return [
    {
      role,
      content: parts.map(({ text }) => text ?? '').join(''),
      ...(thought === '' ? {} : { reasoning_content: thought }),
      ...(calls.length === 0
        ? {}
        : {
            tool_calls: calls.map(({ id, name, input }) => ({
              id,
              type: 'function',
              function: { name, arguments: JSON.stringify(input) },
            })),
          }),
    },
  ];
}

function toolOf(tool: unknown): unknown {
  const { name, description, input_schema: parameters } = tool as Record<string, unknown>;
  return { type: 'function', function: { name, description, parameters } };
}
