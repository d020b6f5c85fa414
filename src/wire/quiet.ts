/** A timer that fires when nothing has been heard for a while. */
export class QuietTimer {
  readonly #ms: number;
  readonly #onQuiet: () => void;
  #timer: NodeJS.Timeout | undefined;
  #heard = 0;

  constructor(ms: number, onQuiet: () => void) {
    this.#ms = ms;
    this.#onQuiet = onQuiet;
  }

  /** Starts to count, in full. */
  start(): void {
    this.stop();
    this.#timer = setTimeout(() => this.#suspect(), this.#ms);
  }

  /** Something was heard: counts from zero again, if started. */
  touch(): void {
    this.#heard += 1;
    this.#timer?.refresh();
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  /**
   * After a busy event loop the timer fires before bytes that already lie in the socket are
   * read; one turn of the loop gives them the chance to be heard.
   */
  #suspect(): void {
    const timer = this.#timer;
    const heard = this.#heard;
    setImmediate(() => {
      if (this.#timer === timer && this.#heard === heard) this.#onQuiet();
    });
  }
}
