import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { checkPrompt } from '../checks/prompt.ts';
import type { JudgedSeam } from '../checks/seam.ts';
import { VERDICTS, type Verdict } from '../checks/verdict.ts';
import type { VerdictCounts } from '../reports/record.ts';
import { encode, HEADER, subjectOf, THINKING } from '../seam/fixtures.test-help.ts';
import { PHASES } from '../seam/generation.ts';
import { strategiesNamed } from '../seam/named.ts';
import { STRATEGIES } from '../seam/strategy.ts';
import { unjudged } from './judge.ts';
import { Tally } from './tally.ts';

const SUBJECT = subjectOf(THINKING);

function seamOf(strategy: string, seam: Partial<JudgedSeam> = {}, k = 3): JudgedSeam {
  const [named] = strategiesNamed([strategy]);
  return {
    ...unjudged({ subject: SUBJECT, strategy: named!, k, way: 'disconnect', resume: 'none' }),
    ...seam,
  };
}

const seams = fc
  .record({
    strategy: fc.constantFrom(...STRATEGIES.map(({ name }) => name)),
    phase: fc.constantFrom(...PHASES),
    verdict: fc.constantFrom<Verdict>(...VERDICTS),
    resumed: fc.boolean(),
  })
  .map(({ strategy, phase, verdict, resumed }) =>
    seamOf(strategy, {
      phase,
      verdict,
      basis: resumed ? ['prompt', 'continuation'] : ['prompt'],
      ...(verdict === 'error' ? { error: `trouble in ${phase}` } : {}),
    }),
  );

const total = (counts: VerdictCounts): number =>
  VERDICTS.reduce((sum, verdict) => sum + counts[verdict], 0);
const totals = (all: Readonly<Record<string, VerdictCounts>>): number =>
  Object.values(all).reduce((sum, counts) => sum + total(counts), 0);

function tallyOf(list: readonly JudgedSeam[]): Tally {
  const tally = new Tally();
  for (const seam of list) tally.add(seam, undefined);
  return tally;
}

test('every seam is counted once in every breakdown', () => {
  fc.assert(
    fc.property(fc.array(seams, { maxLength: 40 }), (list) => {
      const { totals: sums, verdicts } = tallyOf(list);
      expect(sums.seams).toBe(list.length);
      expect(sums.verdicts).toEqual(verdicts);
      for (const verdict of VERDICTS)
        expect(verdicts[verdict]).toBe(list.filter((seam) => seam.verdict === verdict).length);
      expect(totals(sums.byPhase)).toBe(list.length);
      expect(totals(sums.byStrategy)).toBe(list.length);
      for (const { phase, strategy, verdicts: cell } of sums.matrix)
        expect(total(cell)).toBe(
          list.filter((seam) => seam.phase === phase && seam.plan.strategy.name === strategy)
            .length,
        );
      expect(sums.resumed).toBe(list.filter((seam) => seam.basis.includes('continuation')).length);
    }),
  );
});

test('errors are told once each, the most frequent first, twenty at most', () => {
  const list = ['a', 'b', 'b', 'c', 'b', 'c'].map((error) =>
    seamOf('raw-text', { verdict: 'error', error }),
  );
  expect(tallyOf(list).errors).toEqual(['b (3 times)', 'c (2 times)', 'a']);
  const many = Array.from({ length: 50 }, (_, i) =>
    seamOf('raw-text', { verdict: 'error', error: `e${i}` }),
  );
  expect(tallyOf(many).errors).toHaveLength(20);
});

/** A seam whose prompt was rendered as this text. */
function rendered(strategy: string, k: number, text: string): JudgedSeam {
  const cut = strategy === 'raw-text' ? SUBJECT.rawClasses[k] : SUBJECT.viewClasses[k];
  const prompt = { ...checkPrompt(THINKING, cut!, encode(text)), text };
  return seamOf(strategy, { prompt, verdict: prompt.agrees ? 'exact' : 'drift' }, k);
}

describe('the round trip', () => {
  const insideEuro = THINKING.deltas.find((delta) => delta.content === '€')!.after - 1;

  test('counts raw texts that do not encode to their tokens, by cause', () => {
    const tally = new Tally();
    tally.add(rendered('raw-text', 3, `${HEADER}<think>\nTwo`), undefined);
    tally.add(rendered('raw-text', 3, `${HEADER}<think>\nTw`), {
      cause: 'retokenized',
      detail: '',
    });
    const whole = `${HEADER}<think>\nTwo and two is four.\n</think>\n\nIt is 4`;
    tally.add(rendered('raw-text', insideEuro, whole), undefined);
    tally.add(rendered('reasoning-field', 3, 'x'), undefined);
    tally.add(seamOf('raw-text', { verdict: 'error', error: 'busy' }), undefined);
    expect(tally.roundTrip).toEqual({
      cuts: 3,
      notIdempotent: 2,
      byClass: { retokenized: 1, 'mid-character': 1 },
    });
  });
});

test('whitespace that drifted is told visibly: what became what, and where', async () => {
  const tally = new Tally();
  const k = THINKING.deltas.find((delta) => delta.content === 'It')!.after;
  const prompts = [
    '\n\n</think>\n\nIt',
    '\n\n</think>\n\nIt',
    '\n</think>\nIt',
    '\n</think>\n\nOh',
  ];
  for (const end of prompts)
    tally.add(
      rendered('reasoning-field', k, `${HEADER}<think>\nTwo and two is four.${end}`),
      undefined,
    );
  const row = { phase: 'content', strategy: 'reasoning-field' };
  expect(await tally.whitespace.finish(undefined)).toEqual({
    drifted: 3,
    byChange: { '∅ → ⏎': 2, '⏎ → ∅': 1 },
    changes: [
      { where: 'before-close', wanted: '', got: '⏎', ...row, count: 2 },
      { where: 'after-close', wanted: '⏎', got: '', ...row, count: 1 },
    ],
  });
});
