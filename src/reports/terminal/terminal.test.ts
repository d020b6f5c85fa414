import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { runCampaign } from '../../campaign/run.ts';
import { FakeTarget, THINKING } from '../../seam/fixtures.test-help.ts';
import { STRATEGIES } from '../../seam/strategy.ts';
import type { Finding, RunRecord } from '../record.ts';
import { RunStore } from '../store.ts';
import { terminalReport } from './terminal.ts';

const home = mkdtempSync(join(tmpdir(), 'seamstress-terminal-'));
afterAll(() => rmSync(home, { recursive: true, force: true }));

/** The record of a campaign against a server whose template may stray. */
async function recordOf(render: (text: string) => string): Promise<RunRecord> {
  return await runCampaign(
    new FakeTarget(THINKING, { render }),
    {
      scenarios: [THINKING.scenario],
      strategies: STRATEGIES.slice(0, 1),
      lossy: false,
      mode: 'sweep',
      cuts: 'all',
      cases: 0,
      compare: 4,
      concurrency: 1,
      seed: 1,
      maxTimeMs: undefined,
      signal: new AbortController().signal,
    },
    new RunStore(join(home, 'run')),
    () => undefined,
  );
}

describe('the summary', async () => {
  const failing = await recordOf((text) => text.replace('</think>', '\n</think>'));
  const text = terminalReport(failing, 'reports/x');
  const [finding] = failing.findings as [Finding];
  const content = THINKING.deltas.filter((delta) => delta.content !== undefined).length + 2;

  test('of a finding tells what, where, whose, and how to see it again', () => {
    expect(text).toContain('1 finding');
    expect(text).toContain('template: separator-rebuilt');
    expect(finding.count).toBe(content);
    expect(text).toContain(`content/reasoning-field ${content}`);
    expect(text).toContain(`reproduce: ${finding.replay.command}`);
    const wanted = text.split('\n').find((line) => line.includes('wanted'));
    const got = text.split('\n').find((line) => line.includes('got '));
    expect(wanted).toContain('⏎</think>');
    expect(got).toContain('⏎⏎</think>');
  });

  test('adds up: every verdict of the last row', () => {
    const row = text.split('\n').find((line) => line.startsWith('  all'));
    const [seams, ...verdicts] = (row ?? '').match(/\d+/g)?.map(Number) ?? [];
    expect(seams).toBe(failing.totals.seams);
    expect(verdicts.reduce((sum, count) => sum + count, 0)).toBe(seams);
  });

  test('of a good run has no findings', async () => {
    const good = terminalReport(await recordOf((prompt) => prompt), 'reports/x');
    expect(good).toContain('no findings');
    expect(good).not.toContain('reproduce');
  });

  test('says why a run ended early', () => {
    for (const [interrupted, words] of [
      ['signal', 'stopped by you'],
      ['max-time', 'stopped at the time limit'],
      ['target-lost', 'the target was lost'],
    ] as const)
      expect(terminalReport({ ...failing, interrupted }, 'x')).toContain(words);
  });

  test('lets nothing that a model or server said move the cursor', () => {
    const evil = '\u001b[31mred\u001b]0;title\u0007\r\u202e\u200b\u0085';
    const hostile: RunRecord = {
      ...failing,
      target: { ...failing.target, model: evil, engine: { name: evil, build: evil } },
      errors: [evil],
      notTested: [{ what: evil, why: evil }],
      findings: [
        {
          ...finding,
          check: 'resume',
          detail: evil,
          minimal: {
            ...finding.minimal,
            expected: { ids: [], text: `a${evil}` },
            actual: { ids: [], text: `a${evil}b` },
          },
        },
      ],
    };
    expect(terminalReport(hostile, 'x')).not.toMatch(/[^\P{Cc}\n]|\p{Cf}/u);
  });
});
