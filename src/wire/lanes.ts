/**
 * At most so many connections to one server, each used by one request at a time.
 *
 * undici's own Pool would do, but for one thing: after an aborted request it connects again at
 * once, for nothing, so that a server under a test of disconnects sees one idle connection for
 * each. Here the client of a request that was cut is destroyed.
 */
import { buildConnector, Client } from 'undici';

/** Called with a connection to use, or with undefined when the lanes are closed. */
type Enter = (client: Client | undefined) => void;

/** The connections to one server. */
export class Lanes {
  readonly #origin: string;
  #limit: number;
  readonly #connect: buildConnector.connector;
  readonly #busy = new Set<Client>();
  readonly #idle: Client[] = [];
  readonly #waiting = new Set<Enter>();
  #closed = false;

  constructor(origin: string, limit: number, connectMs: number) {
    this.#origin = origin;
    this.#limit = limit;
    this.#connect = buildConnector({ timeout: connectMs });
  }

  /** Allows no more connections than so many from now on. */
  narrow(limit: number): void {
    this.#limit = Math.min(this.#limit, Math.max(1, limit));
  }

  /** Calls `enter` once a connection is free, now or later; the answer takes it off the queue. */
  take(enter: Enter): () => void {
    this.#waiting.add(enter);
    this.#admit();
    return () => this.#waiting.delete(enter);
  }

  /** Gives a connection back, to be used again or to be closed at once. */
  release(client: Client, reuse: boolean): void {
    if (!this.#busy.delete(client)) return;
    if (reuse) this.#idle.push(client);
    else void client.destroy();
    this.#admit();
  }

  /** Closes all connections, in use or not. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#admit();
    await Promise.all([...this.#idle, ...this.#busy].map(async (client) => client.destroy()));
  }

  #admit(): void {
    for (const enter of this.#waiting) {
      if (!this.#closed && this.#busy.size >= this.#limit) return;
      this.#waiting.delete(enter);
      enter(this.#closed ? undefined : this.#next());
    }
  }

  #next(): Client {
    const client =
      this.#idle.pop() ??
      new Client(this.#origin, { connect: this.#connect, headersTimeout: 0, bodyTimeout: 0 });
    this.#busy.add(client);
    return client;
  }
}
