/** Progress on standard error: one live line on a terminal, plain lines otherwise. */
import type { RunEvent } from '../campaign/events.ts';
import { VERDICTS, type Verdict } from '../checks/verdict.ts';

/** Milliseconds between two plain progress lines, and between two redraws of the live one. */
const PLAIN_EVERY = 5000;
const LIVE_EVERY = 100;

export class Progress {
  readonly #live: boolean;
  readonly #out: NodeJS.WriteStream;
  readonly #counts = new Map<Verdict, number>();
  #planned = 0;
  #done = 0;
  #last = 0;

  constructor(out: NodeJS.WriteStream = process.stderr) {
    this.#out = out;
    this.#live = out.isTTY;
  }

  /** A line that stays. */
  line(text: string): void {
    this.#clear();
    this.#out.write(`${text}\n`);
  }

  event(event: RunEvent): void {
    switch (event.kind) {
      case 'started':
        return this.line(`${event.scenarios} scenarios against ${event.target.url}`);
      case 'generated':
        return this.#live || !event.consistent
          ? this.line(
              `${event.scenario}: ${event.tokens} tokens${event.consistent ? '' : ', but a repeat gave others'}`,
            )
          : undefined;
      case 'planned':
        this.#planned = event.seams;
        return undefined;
      case 'finding':
        return this.line(`found: ${event.id}: ${event.title}`);
      case 'note':
        return this.line(event.text);
      case 'seam':
        this.#done++;
        this.#counts.set(event.line.verdict, (this.#counts.get(event.line.verdict) ?? 0) + 1);
        return this.#tick();
      case 'finished':
        return this.#clear();
    }
  }

  #tick(): void {
    const now = Date.now();
    if (now - this.#last < (this.#live ? LIVE_EVERY : PLAIN_EVERY)) return;
    const first = this.#last === 0;
    this.#last = now;
    if (first && !this.#live) return;
    const counts = VERDICTS.filter((verdict) => this.#counts.has(verdict)).map(
      (verdict) => `${verdict} ${this.#counts.get(verdict)}`,
    );
    const text = `${this.#done} of ${this.#planned} seams · ${counts.join(' · ')}`;
    this.#out.write(this.#live ? `\r\u001b[2K${text}` : `${text}\n`);
  }

  #clear(): void {
    if (this.#live) this.#out.write('\r\u001b[2K');
  }
}
