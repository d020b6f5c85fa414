/** A reverse proxy on loopback that breaks chat streams on a plan, for tests of `resume()`. */
import { once } from 'node:events';
import {
  Agent,
  createServer,
  request as send,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';

/** Ways in which a stream breaks. */
export const BREAKS = [
  'reset',
  'inside-event',
  'clean-end',
  'done-only',
  'error-event',
  'stall',
  'http-503',
] as const;
/** Or the message ends, in good order, where it should not. */
type Break = (typeof BREAKS)[number] | 'finished';

/** One stream: after so many events, or before the first content, it breaks. */
export interface PlannedBreak {
  readonly events: number | 'content';
  readonly how: Break;
}

/** A path of the proxy with a plan of its own, so that several clients can use it at once. */
export interface Lane {
  readonly url: string;
  /** Breaks of the next chat streams, in order; streams after them run through. */
  plan: PlannedBreak[];
  /** Events of the last chat stream that were passed on. */
  passed: number;
  /** Streams that were broken, and those that a client left before that, tired of waiting. */
  broken: number;
  /** Chat requests, as they were sent. */
  readonly bodies: string[];
}

export interface Flaky {
  lane(): Lane;
  close(): Promise<void>;
}

/** Starts a proxy before a server. */
export async function startFlaky(upstream: string): Promise<Flaky> {
  // llama.cpp closes connections without saying so; one that is used again may be gone by then.
  const agent = new Agent({ keepAlive: false });
  const lanes: Lane[] = [];
  const server = createServer((request, response) => {
    const [, index = '', path = ''] = /^\/lane(\d+)(\/.*)$/.exec(request.url ?? '') ?? [];
    const lane = lanes[Number(index)];
    if (lane === undefined) {
      response.writeHead(404).end();
      return;
    }
    void pass(agent, upstream + path, lane, request, response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const root = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    lane() {
      const lane: Lane = {
        url: `${root}/lane${lanes.length}`,
        plan: [],
        passed: 0,
        broken: 0,
        bodies: [],
      };
      lanes.push(lane);
      return lane;
    },
    async close() {
      server.closeAllConnections();
      server.close();
      agent.destroy();
      await once(server, 'close');
    },
  };
}

async function pass(
  agent: Agent,
  url: string,
  lane: Lane,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const body = Buffer.concat(chunks);
  const chat = url.endsWith('/v1/chat/completions');
  const planned = chat ? lane.plan.shift() : undefined;
  if (chat) lane.bodies.push(body.toString());
  if (planned?.how === 'http-503') {
    lane.broken++;
    response.writeHead(503, { 'content-type': 'application/json' });
    response.end('{"error":{"message":"loading"}}');
    return;
  }
  const onward = send(url, {
    agent,
    method: request.method ?? 'GET',
    headers: { 'content-type': 'application/json', 'content-length': body.length },
  });
  onward.on('error', () => response.destroy());
  onward.on('response', (answer) => {
    response.on('close', () => answer.destroy());
    response.writeHead(answer.statusCode ?? 502, {
      'content-type': answer.headers['content-type'] ?? 'application/json',
    });
    if (chat) passEvents(lane, planned, answer, response);
    else answer.pipe(response);
  });
  onward.end(body);
}

/** Passes whole events on, until the plan says to break. */
function passEvents(
  lane: Lane,
  planned: PlannedBreak | undefined,
  answer: IncomingMessage,
  response: ServerResponse,
): void {
  lane.passed = 0;
  let waiting = '';
  let stopped = false;
  response.flushHeaders();
  const stop = (next: string): void => {
    if (planned === undefined) return;
    stopped = true;
    lane.broken++;
    answer.destroy();
    breakOff(response, planned.how, next);
  };
  response.on('close', () => {
    if (planned === undefined || stopped || response.writableFinished) return;
    stopped = true;
    lane.broken++;
  });
  if (planned?.events === 0) {
    stop('data: {"choices":[]}\n\n');
    return;
  }
  answer.setEncoding('utf8');
  answer.on('data', (chunk: string) => {
    if (stopped) return;
    waiting += chunk;
    for (let end = waiting.indexOf('\n\n'); end >= 0; end = waiting.indexOf('\n\n')) {
      const event = waiting.slice(0, end + 2);
      waiting = waiting.slice(end + 2);
      if (planned !== undefined && isPlace(planned, lane.passed, event)) {
        stop(event);
        return;
      }
      lane.passed++;
      response.write(event);
    }
  });
  answer.on('end', () => {
    if (!stopped) response.end();
  });
  answer.on('error', () => {
    if (!stopped) response.destroy();
  });
}

function isPlace({ events }: PlannedBreak, passed: number, next: string): boolean {
  return events === 'content' ? /"delta":\{"content":"/.test(next) : passed >= events;
}

function breakOff(response: ServerResponse, how: Break, next: string): void {
  switch (how) {
    case 'reset':
      // Time for what was written to leave.
      setImmediate(() => response.destroy());
      break;
    case 'inside-event':
      response.end(next.slice(0, Math.floor(next.length / 2)));
      break;
    case 'clean-end':
      response.end();
      break;
    case 'done-only':
      response.end('data: [DONE]\n\n');
      break;
    case 'error-event':
      response.end(
        'data: {"error":{"code":500,"message":"out of memory","type":"server_error"}}\n\n',
      );
      break;
    case 'finished':
      response.end(
        'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n',
      );
      break;
    case 'stall':
    case 'http-503':
      break;
  }
}
