import * as fc from 'fast-check';
import { lexer, type Token } from 'marked';
import { describe, expect, test } from 'vitest';
import {
  CANARY,
  example,
  hostileRecord,
  hostility,
  manyFindings,
  nasty,
  poisoned,
  poisonedHops,
  WORST,
} from '../hostile.test-help.ts';
import { codeSpan, fenced } from './markdown-text.ts';
import { COMMENT_BYTES, marker, markdownReport } from './markdown.ts';

const record = example('llama.cpp-b11549');

/** Every token of a Markdown text, with those inside it. */
function walk(tokens: readonly Token[]): Token[] {
  return tokens.flatMap((token) => {
    const rows = token.type === 'table' ? [...token['header'], ...token['rows'].flat()] : [];
    const cells = rows.flatMap((cell: { tokens: Token[] }) => cell.tokens);
    const items = token.type === 'list' ? (token['items'] as Token[]) : [];
    const inner = 'tokens' in token ? (token.tokens ?? []) : [];
    return [token, ...walk([...inner, ...cells, ...items])];
  });
}

const OURS = /^(<!-- seamstress:[\w.:]* -->|<\/?details>|<details><summary>[\w ]+<\/summary>)$/;

/** Fails if anything but code holds what could ping, link, or be markup. */
function expectHarmless(text: string): void {
  const tokens = walk(lexer(text));
  for (const token of tokens) {
    expect(['link', 'image', 'def', 'blockquote', 'hr', 'checkbox']).not.toContain(token.type);
    if (token.type === 'html') expect(token.raw.trim()).toMatch(OURS);
    if (token.type === 'text' && token.tokens === undefined) {
      expect(token.raw).not.toContain(CANARY);
      expect(token.raw).not.toMatch(/@|#\d|https?:|www\./);
    }
  }
  expect(text).not.toMatch(/[^\P{C}\n]|[\u2028\u2029]/u);
}

test('a real report tells everything that a maintainer needs', () => {
  const text = markdownReport(record, { where: 'reports/x' });
  expect(text.startsWith('<!-- seamstress:llama.cpp:llama.cpp:thinker.gguf -->\n')).toBe(true);
  expect(text).toContain('`llama.cpp b11549`');
  for (const finding of record.findings) {
    expect(text).toContain(`${finding.culprit}: \`${finding.cause}\``);
    expect(text).toContain(finding.replay.command);
    expect(text).toContain(finding.replay.curl[0]);
  }
  expect(text).toContain('got     …l with the blank lines.⏎⏎</think>⏎⏎```go⏎func fi…');
  expect(text).toContain('| content | `reasoning-field` | 568 | 63 | 494 | 11 | · | · | · |');
  expect(text).toContain('Cannot continue an assistant message that contains tool calls.');
  expect(text).toContain('repeat 32/32 identical');
  expect(text).toContain('resumes from a warm cache');
  expect(text).not.toContain('Left out');
  const order = record.findings.map(({ cause }) => text.indexOf(`: \`${cause}\``));
  expect(Math.max(...order)).toBe(text.indexOf(': `tool-call-refused`'));
  expectHarmless(text);
});

test('gateways: a line a route and arm, the fields of each that did harm', () => {
  let next = 0;
  const hops = poisonedHops(() => `t${next++}`);
  const text = markdownReport({ ...record, hops });
  const [row] = hops.rows;
  const [harmed, spared] = hops.verdicts;
  if (row === undefined || harmed === undefined || spared === undefined) throw new Error('no hop');
  expect(text).toContain(
    `| \`${harmed.route}\` | \`${harmed.arm}\` | exact 3 (by count) | exact 1, diverged 2 | 2 | \`${harmed.hop ?? ''}\`: \`flags-dropped\` |`,
  );
  expect(text).toContain(`| \`${spared.route}\` | \`${spared.arm}\` | exact 3 (by count) |`);
  expect(text.match(/Fields at a gateway/g)).toHaveLength(1);
  expect(text).toContain(
    `| \`${row.field}\` | \`${row.sent ?? ''}\` | · | dropped: \`${row.detail}\` | \`${row.rendered}\` |`,
  );
  expect(text).toContain('The gateway drops the continuation flags that the client sent.');
  expect(text).toContain(`- gateways, not tested: \`${hops.notTested[0] ?? ''}\``);
  expect(text).toContain('2 more scenarios; the test was stopped');
  expectHarmless(text);
  expect(markdownReport(record)).not.toContain('Gateways');
  // Where there is no room the table is named, and its fields with it.
  const verdicts = Array.from({ length: 40 }, (_, i) => ({ ...harmed, arm: `arm ${i}` }));
  const rows = verdicts.flatMap(({ arm }) => Array.from({ length: 30 }, () => ({ ...row, arm })));
  const cut = markdownReport({ ...record, hops: { ...hops, verdicts, rows } }, { bytes: 32_000 });
  expect(Buffer.byteLength(cut)).toBeLessThanOrEqual(32_000);
  expect(cut).toMatch(/Left out here for want of space:\*\* the fields of gateways in \d+ arms/);
});

test('hostile text stays in code', () => {
  fc.assert(
    fc.property(hostility, (drawn) => expectHarmless(markdownReport(hostileRecord(drawn)))),
    {
      numRuns: 60,
    },
  );
  expectHarmless(markdownReport(poisoned(record, () => WORST)));
});

test('a code span holds its text and nothing more', () => {
  fc.assert(
    fc.property(nasty, (text) => {
      const tokens = walk(lexer(`before ${codeSpan(text)} after`));
      expect(tokens.map((token) => token.type)).toEqual(['paragraph', 'text', 'codespan', 'text']);
      const cells = walk(lexer(`| a | b |\n|---|---|\n| ${codeSpan(text)} | z |`));
      expect(cells.filter((token) => token.type === 'codespan')).toHaveLength(1);
      expect(cells.at(-1)?.raw).toBe('z');
    }),
  );
});

test('a fenced block ends where it should', () => {
  fc.assert(
    fc.property(fc.array(nasty, { minLength: 1 }), (lines) => {
      const tokens = lexer(`${fenced(lines)}\n\nafter`).filter((token) => token.type !== 'space');
      expect(tokens.map((token) => token.type)).toEqual(['code', 'paragraph']);
    }),
  );
});

describe('the size', () => {
  test('is never more than asked, in characters and in bytes', () => {
    fc.assert(
      fc.property(
        hostility,
        fc.integer({ min: 4000, max: COMMENT_BYTES }),
        fc.integer({ min: 1, max: 60 }),
        (drawn, bytes, count) => {
          const text = markdownReport(manyFindings(hostileRecord(drawn), count), { bytes });
          expect(Buffer.byteLength(text)).toBeLessThanOrEqual(bytes);
          expectHarmless(text);
        },
      ),
      { numRuns: 40 },
    );
  });

  test('is kept with many findings, the worst of them first, and says what was cut', () => {
    const text = markdownReport(manyFindings(record, 1000), { where: 'run-folder' });
    expect(Buffer.byteLength(text)).toBeLessThanOrEqual(COMMENT_BYTES);
    expect(Buffer.byteLength(text)).toBeGreaterThan(COMMENT_BYTES / 2);
    const shown = text.match(/^#### \d+\. .*$/gm) ?? [];
    expect(shown.length).toBeGreaterThan(10);
    expect(shown.every((line) => line.includes('diverged'))).toBe(true);
    expect(text).toContain(
      `**Left out here for want of space:** ${1000 - shown.length} findings of 1000`,
    );
    expect(text).toContain('`run-folder`');
  });

  test('holds with characters of four bytes', () => {
    const hostile = poisoned(record, () => '𝕊'.repeat(5000));
    expect(Buffer.byteLength(markdownReport(hostile))).toBeLessThanOrEqual(COMMENT_BYTES);
  });
});

test('the marker is the same from night to night, and closes only at its end', () => {
  const later = { ...record.target, engine: { ...record.target.engine, build: 'b12000' } };
  expect(marker({ target: later })).toBe(marker(record));
  fc.assert(
    fc.property(hostility, (drawn) => {
      expect(marker(hostileRecord(drawn))).toMatch(/^<!-- seamstress:[\w.:]* -->$/);
    }),
    { numRuns: 40 },
  );
});
