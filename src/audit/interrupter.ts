/**
 * A proxy on loopback that hands bytes on as they come and breaks one answer. It reads what goes
 * by to know when, and makes nothing up but the break itself, so that it works before any server
 * that speaks one of the two APIs; whatever else a client asks for goes through untouched.
 */
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import {
  createServer,
  request as send,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import { asNumber, asString, parseEvent, type JsonObject } from '../dialects/json.ts';
import { messageOf } from '../errors.ts';
import { namesLoopback } from '../wire/loopback.ts';
import { errorEvent, finishFrames, rateLimitBody, refusalBody } from './breaks.ts';
import { formatOf, readAsked, trailingOf, type Asked, type Format } from './conversation.ts';
import { cutsBefore } from './cut.ts';
import { Growing, readPiece, readWhole } from './delivered.ts';
import { FrameSplitter, type Frame } from './frames.ts';
import type { Interruption } from './plan.ts';
import type { Turn, TurnEnd } from './turn.ts';

const MAX_BODY_BYTES = 32 * 1024 * 1024;
/** Time for what was sent to leave before a connection is closed. */
const FLUSH_MS = 10;

export interface InterrupterOptions {
  /** The root URL of the server behind. */
  readonly upstream: string;
  readonly interruption: Interruption;
  /** Characters of a phase that the client gets at least before a cut. */
  readonly after: number;
  /** How long a stalled connection is kept open. */
  readonly stallMs: number;
  readonly retryAfterSeconds: number;
  /** The model whose generations are interrupted; undefined for all. */
  readonly model?: string | undefined;
  /** A Unix socket to listen on as well, for a client that cannot reach our loopback. */
  readonly socket?: string | undefined;
}

export interface Interrupter {
  /** The root URL for the client, without a slash at its end. */
  readonly url: string;
  readonly port: number;
  /** Generations asked for so far, those that have ended. */
  readonly turns: readonly Turn[];
  /** The turn that was broken; undefined before. */
  struck(): number | undefined;
  /** Requests that were not for a generation. */
  others(): number;
  /** Says that the client's next command begins. */
  nextCommand(): void;
  /** Ends every connection; turns under way end as `client-left`. */
  close(): Promise<void>;
}

/** Starts a proxy for one trial. */
export async function startInterrupter(options: InterrupterOptions): Promise<Interrupter> {
  const trial = new Trial(options);
  const handler = (request: IncomingMessage, response: ServerResponse): void => {
    void trial.answer(request, response);
  };
  const first = createServer(handler).listen(0, '127.0.0.1');
  const servers = [first];
  if (options.socket !== undefined) servers.push(createServer(handler).listen(options.socket));
  await Promise.all(servers.map((server) => once(server, 'listening')));
  const { port } = first.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    turns: trial.turns,
    struck: () => trial.struck,
    others: () => trial.others,
    nextCommand: () => {
      trial.command += 1;
    },
    close: async () => {
      await Promise.all(servers.map(closeServer));
      if (options.socket !== undefined) rmSync(options.socket, { force: true });
    },
  };
}

async function closeServer(server: Server): Promise<void> {
  const closed = once(server, 'close');
  server.close();
  server.closeAllConnections();
  await closed;
}

/** A turn under way. */
interface Open {
  readonly n: number;
  readonly command: number;
  readonly atMs: number;
  readonly path: string;
  readonly asked: Asked;
  readonly body: JsonObject;
  readonly answer: Growing;
}

class Trial {
  readonly turns: Turn[] = [];
  struck: number | undefined;
  others = 0;
  command = 0;
  readonly #options: InterrupterOptions;
  readonly #startedAt = performance.now();
  #asked = 0;

  constructor(options: InterrupterOptions) {
    this.#options = options;
  }

  /** Answers one request; never throws. */
  async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      if (!namesLoopback(request.headers.host)) {
        sendJson(response, 403, { error: { message: 'this server answers on loopback only' } });
        return;
      }
      const bytes = await readBody(request);
      const path = (request.url ?? '/').replace(/\?.*$/s, '');
      const format = formatOf(request.method ?? '', path);
      if (format === undefined) {
        this.others += 1;
        this.#forward(request, response, bytes, (back) => back.pipe(response));
        return;
      }
      this.#generation(format, path, request, response, bytes);
    } catch (error) {
      if (!response.headersSent) sendJson(response, 502, { error: { message: messageOf(error) } });
      else response.destroy();
    }
  }

  get #now(): number {
    return performance.now() - this.#startedAt;
  }

  #generation(
    format: Format,
    path: string,
    request: IncomingMessage,
    response: ServerResponse,
    bytes: Buffer,
  ): void {
    const body = parseEvent(bytes.toString('utf8')) ?? {};
    const asked = readAsked(format, body);
    const { command } = this;
    const open = { n: this.#asked++, command, atMs: this.#now, path, asked, body };
    const turn: Open = { ...open, answer: new Growing() };
    const { interruption, model } = this.#options;
    const watched = model === undefined || model === asked.model;
    let ended = false;
    const end = (how: TurnEnd, status: number, refusal?: string): void => {
      if (ended) return;
      ended = true;
      this.turns.push({
        ...open,
        endMs: this.#now,
        status,
        delivered: turn.answer.now(),
        end: how,
        ...(refusal === undefined ? {} : { refusal }),
      });
      this.turns.sort((a, b) => a.n - b.n);
    };
    response.once('close', () => end('client-left', response.statusCode));
    if (watched && interruption.refusePrefill && trailingOf(asked) !== undefined) {
      const refused = refusalBody(format);
      end('refused', 400, JSON.stringify(refused));
      sendJson(response, 400, refused);
      return;
    }
    const strikes = (): boolean => watched && this.struck === undefined;
    if (interruption.at === 'start' && strikes()) {
      this.struck = turn.n;
      this.#breakAtStart(format, response, end);
      return;
    }
    this.#forward(
      request,
      response,
      bytes,
      (back) => this.#relay(turn, back, response, strikes, end),
      (error) => end('server-failed', 502, messageOf(error)),
    );
  }

  #breakAtStart(
    format: Format,
    response: ServerResponse,
    end: (how: TurnEnd, status: number) => void,
  ): void {
    const { how = 'reset' } = this.#options.interruption;
    if (how === 'rate-limited') {
      end('interrupted', 429);
      sendJson(response, 429, rateLimitBody(format), {
        'retry-after': String(this.#options.retryAfterSeconds),
      });
      return;
    }
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.flushHeaders();
    this.#break(how, format, undefined, undefined, response, end);
  }

  /** Hands an answer on, and cuts it where the plan says. */
  #relay(
    turn: Open,
    back: IncomingMessage,
    response: ServerResponse,
    strikes: () => boolean,
    end: (how: TurnEnd, status: number, refusal?: string) => void,
  ): void {
    const status = back.statusCode ?? 502;
    const { format } = turn.asked;
    const streams = /^text\/event-stream/i.test(back.headers['content-type'] ?? '');
    if (status >= 300 || !streams) {
      void this.#relayWhole(turn, back, response, end);
      return;
    }
    response.writeHead(status, headersOf(back));
    const { at, how } = this.#options.interruption;
    const splitter = new FrameSplitter();
    const blocks = new OpenBlock();
    let over = false;
    const handOn = (frame: Frame): boolean => {
      const piece = readPiece(format, frame.data);
      const cut =
        at !== undefined && how !== undefined && strikes() && frame.data !== undefined
          ? cutsBefore(at, turn.answer.now(), piece, this.#options.after)
          : false;
      if (cut && how !== undefined) {
        this.struck = turn.n;
        back.destroy();
        this.#break(how, format, turn.asked.model, blocks.index, response, end);
        return false;
      }
      blocks.see(frame.data);
      turn.answer.add(piece);
      if (piece.last === true) end('whole', status);
      response.write(frame.bytes);
      return true;
    };
    back.on('data', (bytes: Buffer) => {
      for (const frame of over ? [] : splitter.push(bytes)) {
        if (handOn(frame)) continue;
        over = true;
        return;
      }
    });
    back.once('error', (error) => {
      if (over) return;
      over = true;
      end('server-failed', status, messageOf(error));
      response.destroy();
    });
    back.once('end', () => {
      if (over) return;
      over = true;
      response.write(splitter.rest());
      end('whole', status);
      response.end();
    });
    response.once('close', () => back.destroy());
  }

  /** Hands on an answer that is no stream. */
  async #relayWhole(
    turn: Open,
    back: IncomingMessage,
    response: ServerResponse,
    end: (how: TurnEnd, status: number, refusal?: string) => void,
  ): Promise<void> {
    const status = back.statusCode ?? 502;
    const { format } = turn.asked;
    const bytes = await collect(back);
    const text = bytes.toString('utf8');
    const whole = parseEvent(text);
    if (status < 300 && whole !== undefined) turn.answer.add(asPiece(readWhole(format, whole)));
    if (status < 300) end('whole', status);
    else end('server-refused', status, text.slice(0, 1000));
    response.writeHead(status, headersOf(back));
    response.end(bytes);
  }

  #break(
    how: NonNullable<Interruption['how']>,
    format: Format,
    model: string | undefined,
    openBlock: number | undefined,
    response: ServerResponse,
    end: (how: TurnEnd, status: number) => void,
  ): void {
    if (how === 'stall') {
      const timer = setTimeout(() => {
        end('interrupted', 200);
        response.destroy();
      }, this.#options.stallMs);
      response.once('close', () => clearTimeout(timer));
      return;
    }
    end('interrupted', 200);
    switch (how) {
      case 'reset':
        setTimeout(() => response.destroy(), FLUSH_MS);
        return;
      case 'error-event':
        response.end(errorEvent(format));
        return;
      case 'finished':
        response.end(finishFrames(format, model, openBlock));
        return;
      case 'closed':
      case 'done-missing':
      case 'rate-limited':
        response.end();
    }
  }

  #forward(
    request: IncomingMessage,
    response: ServerResponse,
    bytes: Buffer,
    accept: (back: IncomingMessage) => void,
    failed: (error: unknown) => void = () => {},
  ): void {
    const { host: _host, connection: _connection, ...headers } = request.headers;
    const onward = send(
      new URL(request.url ?? '/', this.#options.upstream),
      {
        method: request.method ?? 'GET',
        headers: { ...headers, 'accept-encoding': 'identity', 'content-length': bytes.length },
        agent: false,
      },
      accept,
    );
    onward.once('error', (error) => {
      if (response.headersSent || response.destroyed) return;
      failed(error);
      sendJson(response, 502, { error: { message: messageOf(error) } });
    });
    response.once('close', () => onward.destroy());
    onward.end(bytes);
  }
}

/** Which content block of the messages API is open. */
class OpenBlock {
  index: number | undefined;

  see(data: string | undefined): void {
    const event = data === undefined ? undefined : parseEvent(data);
    const type = asString(event?.['type']);
    if (type === 'content_block_start') this.index = asNumber(event?.['index']);
    if (type === 'content_block_stop') this.index = undefined;
  }
}

/** A whole answer as one piece. */
function asPiece(answer: ReturnType<typeof readWhole>): Parameters<Growing['add']>[0] {
  const { reasoning, reasoningField, content, calls, finish } = answer;
  return {
    ...(reasoningField === undefined
      ? {}
      : { reasoning: { text: reasoning, field: reasoningField } }),
    content,
    calls: calls.map((call, index) => ({ index, ...call })),
    ...(finish === undefined ? {} : { finish }),
  };
}

async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_BODY_BYTES) throw new Error('the request is larger than 32 MiB');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

async function collect(back: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of back as AsyncIterable<Buffer>) chunks.push(chunk);
  } catch {
    // What came before the break is handed on.
  }
  return Buffer.concat(chunks);
}

/** The headers that still hold once the body is framed anew. */
function headersOf(back: IncomingMessage): Record<string, string | string[]> {
  const kept: Record<string, string | string[]> = {};
  for (const [name, value] of Object.entries(back.headers))
    if (
      value !== undefined &&
      !/^(?:connection|content-length|transfer-encoding|keep-alive)$/.test(name)
    )
      kept[name] = value;
  return kept;
}

function sendJson(
  response: ServerResponse,
  status: number,
  body: object,
  headers: Readonly<Record<string, string>> = {},
): void {
  if (response.destroyed || response.headersSent) return;
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(JSON.stringify(body));
}
