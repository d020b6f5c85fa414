import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Completion, SamplingOptions } from '../dialects/dialect.ts';
import { EOS, FakeTarget, THINKING } from '../seam/fixtures.test-help.ts';
import type { TokenEvent } from '../seam/generation.ts';
import { UNLIMITED } from './limit.ts';
import { chainsOf, Shadows, type Shadow } from './shadow.ts';

const { signal } = new AbortController();
const bytes = new Uint8Array([97]);

/** A model whose next token depends on all ids before it; ends now and then. */
function next(prompt: readonly number[]): number {
  let hash = 7;
  for (const id of prompt) hash = (hash * 31 + id + 1) % 9973;
  return hash % 17 === 0 ? EOS : hash % 5;
}

function continued(prompt: readonly number[], most: number): number[] {
  const ids: number[] = [];
  while (ids.length < most && ids.at(-1) !== EOS) ids.push(next([...prompt, ...ids]));
  return ids;
}

class Model extends FakeTarget {
  generated = 0;
  readonly asked: string[] = [];
  readonly #fails: (asked: number) => boolean;

  constructor(fails: (asked: number) => boolean = () => false) {
    super(THINKING);
    this.#fails = fails;
  }

  override async complete(
    prompt: readonly number[],
    sampling: SamplingOptions,
  ): Promise<Completion> {
    this.asked.push(`${prompt.join(' ')} + ${sampling.maxTokens}`);
    if (this.#fails(this.asked.length)) throw new Error('no answer');
    const tokens: TokenEvent[] = continued(prompt, sampling.maxTokens).map((id) => ({ id, bytes }));
    this.generated += tokens.length;
    return {
      tokens,
      finish: tokens.at(-1)?.id === EOS ? 'stop' : 'length',
      usage: { promptTokens: undefined, cachedTokens: undefined },
      totalMs: 0,
      request: { method: 'POST', url: 'http://fake', body: prompt },
    };
  }
}

function idsOf({ tokens }: Shadow): number[] {
  return tokens.map(({ id }) => id);
}

async function follow(
  model: Model,
  prompts: readonly (readonly number[])[],
  compare: number,
  enough: (prompt: readonly number[]) => number = () => Infinity,
): Promise<PromiseSettledResult<Shadow>[]> {
  const wanted = prompts.map((prompt) => ({
    prompt,
    settled: ({ length }: readonly TokenEvent[]) => length >= enough(prompt),
  }));
  return await new Shadows(model, compare, signal).follow(wanted, UNLIMITED.generations);
}

const compares = fc.integer({ min: 1, max: 9 });
/** Prompts that share beginnings: some go on as the model does, some otherwise. */
const prompts = fc
  .array(
    fc.record({
      start: fc.array(fc.nat(2), { minLength: 1, maxLength: 2 }),
      own: fc.nat(30),
      after: fc.array(fc.nat(4), { maxLength: 2 }),
    }),
    { maxLength: 30 },
  )
  .map((all) =>
    all.map(({ start, own, after }) => [
      ...start,
      ...continued(start, own).filter((id) => id !== EOS),
      ...after,
    ]),
  );

describe('the shadow of a prompt', () => {
  test('is what the model makes of that prompt alone, whatever it was asked with', async () => {
    await fc.assert(
      fc.asyncProperty(prompts, compares, async (all, compare) => {
        const shadows = await follow(new Model(), all, compare);
        expect(shadows).toHaveLength(all.length);
        for (const [i, prompt] of all.entries()) {
          const shadow = shadows[i]!;
          if (shadow.status === 'rejected') throw shadow.reason;
          const alone = continued(prompt, compare);
          expect(idsOf(shadow.value)).toEqual(alone);
          expect(shadow.value.ended).toBe(alone.length < compare);
        }
      }),
    );
  });

  test('goes on until what is to be known is settled', async () => {
    await fc.assert(
      fc.asyncProperty(prompts, compares, fc.nat(3), async (all, compare, few) => {
        const enough = (prompt: readonly number[]): number => (prompt.at(-1) ?? 0) * few;
        const model = new Model();
        const shadows = await follow(model, all, compare, enough);
        for (const [i, prompt] of all.entries()) {
          const shadow = shadows[i]!;
          if (shadow.status === 'rejected') throw shadow.reason;
          const ids = idsOf(shadow.value);
          const alone = continued(prompt, compare);
          expect(ids).toEqual(alone.slice(0, ids.length));
          expect(ids.length).toBeGreaterThanOrEqual(Math.min(enough(prompt), alone.length));
        }
        if (few === 0) expect(model.asked).toEqual([]);
      }),
    );
  });

  test('of which one token tells all costs one token', async () => {
    const model = new Model();
    const all = Array.from({ length: 40 }, (_, i) => [5, i, 6]);
    await follow(model, all, 24, () => 1);
    expect(model.generated).toBe(all.length);
    expect(model.asked).toHaveLength(all.length);
  });

  test('begins where a request began', async () => {
    await fc.assert(
      fc.asyncProperty(prompts, compares, async (all, compare) => {
        const model = new Model();
        const shadows = await follow(model, all, compare);
        for (const [i, prompt] of all.entries()) {
          const shadow = shadows[i]!;
          if (shadow.status === 'rejected') throw shadow.reason;
          const ids = [...prompt, ...idsOf(shadow.value)];
          for (const at of shadow.value.tokens.keys()) {
            const begin = shadow.value.begin(at);
            expect(begin).toBeLessThanOrEqual(at);
            const from = `${ids.slice(0, prompt.length + begin).join(' ')} + `;
            expect(model.asked.some((asked) => asked.startsWith(from))).toBe(true);
          }
        }
      }),
    );
  });

  test('costs no more than asking for each one, and is asked for the same way every time', async () => {
    await fc.assert(
      fc.asyncProperty(prompts, compares, async (all, compare) => {
        const [first, second] = [new Model(), new Model()];
        await follow(first, all, compare);
        await follow(second, all, compare);
        expect(second.asked).toEqual(first.asked);
        const distinct = new Set(all.map((prompt) => prompt.join(' '))).size;
        expect(first.generated).toBeLessThanOrEqual(2 * distinct * compare);
      }),
    );
  });

  test('all cuts of one text cost about as many tokens as it has', async () => {
    const start = [1, 2, 3];
    const text = Array.from({ length: 400 }, () => 4);
    const model = new Model();
    model.complete = async (prompt, { maxTokens }) => {
      model.asked.push(String(maxTokens));
      model.generated += maxTokens;
      const tokens = Array.from({ length: maxTokens }, () => ({ id: 4, bytes }));
      const usage = { promptTokens: undefined, cachedTokens: undefined };
      const request = { method: 'POST', url: 'http://fake', body: prompt } as const;
      return { tokens, finish: 'length', usage, totalMs: 0, request };
    };
    const cuts = text.map((_, k) => [...start, ...text.slice(0, k)]);
    await follow(model, cuts, 24);
    expect(model.generated).toBe(399 + 24);
    expect(model.asked.length).toBeLessThan(8);
  });

  test('a request that fails costs the prompt that it was made for, and no other', async () => {
    const alone = continued([2], 24).filter((id) => id !== EOS);
    const cuts = [0, 1, 2, 3].map((k) => [2, ...alone.slice(0, k)]);
    const shadows = await follow(new Model((asked) => asked === 1), cuts, 2);
    expect(shadows.map(({ status }) => status)).toEqual([
      'rejected',
      'fulfilled',
      'fulfilled',
      'fulfilled',
    ]);
  });
});

test('chains hold every prompt once, each an extension of the one before it', () => {
  fc.assert(
    fc.property(prompts, (all) => {
      const chains = chainsOf(all);
      expect(chains.flat().toSorted((a, b) => a - b)).toEqual([...all.keys()]);
      for (const chain of chains)
        for (const [n, i] of chain.slice(1).entries())
          expect(all[i]!.slice(0, all[chain[n]!]!.length)).toEqual(all[chain[n]!]);
    }),
  );
});
