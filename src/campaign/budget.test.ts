import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Answer, ChatRequest, Target } from '../dialects/dialect.ts';
import { Refusal } from '../wire/refusal.ts';
import { Budget, promptTokensAtMost, withBudget } from './budget.ts';

const sampling = { top: 0, cache: 'cold' } as const;
const { signal } = new AbortController();

function requestOf(content: string): ChatRequest {
  return { messages: [{ role: 'user', content }], tools: [], thinking: undefined };
}

type End = 'done' | 'aborted' | 'reset' | 'refused' | 'untold';

interface Ask {
  readonly content: string;
  readonly maxTokens: number;
  /** Tokens really generated, a share of the limit. */
  readonly share: number;
  readonly end: End;
}

function never(): Promise<never> {
  return Promise.reject(new Error('not asked for'));
}

/** A server that answers after a while and counts what it really spent. */
class Server {
  requests = 0;
  tokens = 0;
  readonly target: Target;

  constructor(asks: readonly Ask[]) {
    const answer = async (request: ChatRequest, maxTokens: number): Promise<Answer> => {
      const ask = asks.find(({ content }) => content === request.messages[0]?.content);
      if (ask === undefined) throw new Error('not asked for');
      this.requests++;
      await new Promise((resolve) => {
        setImmediate(resolve);
      });
      const sent = { method: 'POST', url: 'http://h/', body: {} } as const;
      if (ask.end === 'refused') throw new Refusal({ status: 429, body: '', request: sent });
      const promptTokens = Buffer.byteLength(ask.content) + 60;
      // A server that is left alone goes on to its limit.
      const generated = ask.end === 'done' ? Math.floor(ask.share * maxTokens) : maxTokens;
      this.tokens += promptTokens + generated;
      const kind = ask.end === 'untold' ? 'done' : ask.end;
      return {
        deltas: [],
        tokens: [],
        generated: Math.min(generated, 1),
        finish: 'stop',
        end: kind === 'reset' ? { kind, detail: '' } : { kind },
        usage: {
          promptTokens: ask.end === 'untold' ? undefined : promptTokens,
          cachedTokens: undefined,
          generatedTokens: generated,
        },
        timing: { firstEventMs: undefined, totalMs: 0 },
        capture: [],
        request: sent,
      };
    };
    this.target = {
      identity: { dialect: 'x', url: 'http://h', model: 'm', engine: { name: 'x' }, hops: [] },
      chatTemplate: undefined,
      spending: { requests: 1, promptTokens: 0, generatedTokens: 0 },
      chat: (request, { maxTokens }) => answer(request, maxTokens),
      complete: (prompt) => {
        this.requests++;
        this.tokens += prompt.length + 1;
        return Promise.resolve({
          tokens: [{ id: 1, bytes: new Uint8Array() }],
          finish: 'stop',
          usage: { promptTokens: prompt.length, cachedTokens: undefined },
          totalMs: 0,
          request: { method: 'POST', url: 'http://h/', body: {} },
        });
      },
      render: never,
      encode: never,
      encodePlain: never,
      close: () => Promise.resolve(),
    };
  }
}

const asks: fc.Arbitrary<Ask[]> = fc
  .array(
    fc.record({
      maxTokens: fc.integer({ min: 1, max: 200 }),
      share: fc.double({ min: 0, max: 1, noNaN: true }),
      end: fc.constantFrom<End>('done', 'aborted', 'reset', 'refused', 'untold'),
    }),
    { maxLength: 30 },
  )
  .map((all) => all.map((ask, i) => ({ ...ask, content: `${i}` })));

describe('a budget', () => {
  test('is never overspent, whatever is asked at once', async () => {
    await fc.assert(
      fc.asyncProperty(
        asks,
        fc.integer({ min: 0, max: 40 }),
        fc.integer({ min: 0, max: 8000 }),
        fc.integer({ min: 1, max: 8 }),
        async (all, maxRequests, maxTokens, atOnce) => {
          const server = new Server(all);
          const budget = new Budget({ maxRequests, maxTokens });
          const target = withBudget(server.target, budget);
          const queue = [...all];
          let refused = 0;
          const worker = async (): Promise<void> => {
            for (let ask = queue.shift(); ask !== undefined; ask = queue.shift())
              try {
                const limits = { ...sampling, maxTokens: ask.maxTokens };
                await target.chat(requestOf(ask.content), limits, { signal });
              } catch (error) {
                if (error instanceof Refusal) continue;
                refused++;
                // Only when nothing is under way any more is a run told to stop.
                expect(budget.signal.aborted).toBe(true);
              }
          };
          await Promise.all(Array.from({ length: atOnce }, worker));
          // One request was sent before there was a budget.
          expect(server.requests + 1).toBeLessThanOrEqual(Math.max(1, maxRequests));
          expect(server.tokens).toBeLessThanOrEqual(maxTokens);
          expect(budget.used.tokens).toBeGreaterThanOrEqual(server.tokens);
          expect(budget.refused).toBe(refused);
          expect(budget.spent).toBe(refused > 0);
          expect(server.requests + refused).toBe(all.length);
        },
      ),
    );
  });

  test('gives back what an answer did not cost', async () => {
    const ask = { content: 'x', maxTokens: 100, share: 0.1, end: 'done' } as const;
    const server = new Server([ask]);
    const budget = new Budget({ maxTokens: 1000 });
    const target = withBudget(server.target, budget);
    await target.chat(requestOf('x'), { ...sampling, maxTokens: 100 }, { signal });
    expect(budget.used).toEqual({ requests: 2, tokens: 71 });
    await target.complete([1, 2, 3], { ...sampling, maxTokens: 50 }, signal);
    expect(budget.used).toEqual({ requests: 3, tokens: 75 });
  });

  test('without limits changes nothing', async () => {
    const all = Array.from({ length: 50 }, (_, i) => ({
      content: `${i}`,
      maxTokens: 10_000,
      share: 1,
      end: 'done' as const,
    }));
    const budget = new Budget({});
    const target = withBudget(new Server(all).target, budget);
    for (const { content } of all)
      await target.chat(requestOf(content), { ...sampling, maxTokens: 10_000 }, { signal });
    expect(budget.signal.aborted).toBe(false);
  });

  test('says which options would allow more', async () => {
    const target = withBudget(new Server([]).target, new Budget({ maxRequests: 1 }));
    await expect(
      target.chat(requestOf('x'), { ...sampling, maxTokens: 1 }, { signal }),
    ).rejects.toMatchObject({
      code: 'interrupted',
      hint: expect.stringContaining('--max-requests') as string,
    });
  });
});

test('a prompt has at most a token for each byte of its texts and tools', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'grapheme' }), (said, held) => {
      const request = { ...requestOf(said), prefill: { content: held, reasoning: said } };
      expect(promptTokensAtMost(request)).toBeGreaterThan(
        Buffer.byteLength(said) * 2 + Buffer.byteLength(held),
      );
    }),
  );
});
