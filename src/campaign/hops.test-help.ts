/** A gateway in a few lines: it passes requests on after a change of the test's own. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { request } from 'undici';
import { onTestFinished } from 'vitest';
import type { HopRequest } from '../diagnosis/hops.ts';

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
  const { extra_body: extra, system, ...rest } = body;
  const messages = rest['messages'] as Record<string, unknown>[];
  const translated = path === '/v1/messages' ? messages.map(fromAnthropic) : messages;
  return {
    path: '/v1/chat/completions',
    body: {
      ...rest,
      messages: [
        ...(system === undefined ? [] : [{ role: 'system', content: system }]),
        ...translated,
      ],
      ...(extra as object | undefined),
      stream: false,
    },
  };
}

function fromAnthropic({ role, content }: Record<string, unknown>): Record<string, unknown> {
  if (!Array.isArray(content)) return { role, content };
  const parts = content as { readonly text?: string; readonly thinking?: string }[];
  const thought = parts.map(({ thinking }) => thinking ?? '').join('');
  return {
    role,
    content: parts.map(({ text }) => text ?? '').join(''),
    ...(thought === '' ? {} : { reasoning_content: thought }),
  };
}
