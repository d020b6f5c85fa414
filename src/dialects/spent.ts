/** Counts what one target has been asked to do. */
import type { HttpClient } from '../wire/http.ts';
import type { Answer, Spending } from './dialect.ts';

export class Spent {
  readonly #http: Pick<HttpClient, 'requests'>;
  #promptTokens = 0;
  #generatedTokens = 0;

  /** @param http counts the requests itself */
  constructor(http: Pick<HttpClient, 'requests'>) {
    this.#http = http;
  }

  get soFar(): Spending {
    return {
      requests: this.#http.requests,
      promptTokens: this.#promptTokens,
      generatedTokens: this.#generatedTokens,
    };
  }

  /** Counts tokens; those of a prompt that the server does not count are none. */
  add(promptTokens: number | undefined, generatedTokens: number): void {
    this.#promptTokens += promptTokens ?? 0;
    this.#generatedTokens += generatedTokens;
  }

  /** Counts an answer, and hands it on. */
  counted(answer: Answer): Answer {
    this.add(answer.usage.promptTokens, answer.generated);
    return answer;
  }
}
