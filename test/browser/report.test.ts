/** The HTML report in a real browser: what it does, how it looks, and what it does not let happen. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { afterEach, describe, expect, test } from 'vitest';
import { capturedIn, readRun, seamMapOf } from '../../src/reports/emit/source.ts';
import {
  CANARY,
  EXAMPLES,
  manyFindings,
  poisoned,
  WORST,
} from '../../src/reports/hostile.test-help.ts';
import { htmlReport } from '../../src/reports/html/html.ts';
import { browser, type Incidents, type Look, type Opened } from './browser.test-help.ts';

const { open } = browser();
const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

const NOTHING: Incidents = { requests: [], stopped: [], console: [], dialogs: [] };

const opened: Opened[] = [];
afterEach(async () => {
  for (const { page } of opened.splice(0)) await page.close();
});

async function show(html: string, look?: Look): Promise<Opened> {
  const made = await open(html, look);
  opened.push(made);
  return made;
}

/** The report of a stored example. */
function pageOf(name: string): string {
  const { record, folder } = readRun(join(EXAMPLES, name));
  return htmlReport(record, { ...seamMapOf(folder), captured: (id) => capturedIn(folder, id) });
}

const b11549 = pageOf('llama.cpp-b11549');
const b8929 = pageOf('llama.cpp-b8929');

const { record } = readRun(join(EXAMPLES, 'llama.cpp-b11549'));
const hostile = htmlReport(
  poisoned(record, () => WORST),
  {
    captured: () => [{ atMs: 1, bytes: new TextEncoder().encode(`data: ${WORST}\n${WORST}`) }],
  },
);

/** Every `details` unfolded, as a reader may have it. */
async function unfold(page: Page): Promise<void> {
  await page.click('#unfold');
}

interface Violation {
  readonly id: string;
  readonly nodes: readonly { readonly html: string }[];
}

/** What axe-core finds; it is run by the browser itself, past the page's policy. */
async function violations(page: Page): Promise<string[]> {
  // Axe inserts styles of its own, which the policy would report.
  await page.evaluate(`window.module = undefined; ${AXE}; undefined`);
  const found = await page.evaluate<Violation[]>(
    `axe.run(document, { resultTypes: ['violations'] }).then((result) => result.violations.map(({ id, nodes }) => ({ id, nodes: nodes.map(({ html }) => ({ html })) })))`,
  );
  return found.map(({ id, nodes }) => `${id}: ${nodes[0]?.html.slice(0, 200) ?? ''}`);
}

describe('a real report', () => {
  test.each([
    ['light', 1280, 'b11549', b11549],
    ['dark', 1280, 'b8929', b8929],
    ['light', 360, 'b8929', b8929],
    ['dark', 360, 'b11549', b11549],
  ] as const)(
    '%s, %i pixels wide, %s: no violation of axe, no scrolling sideways, nothing refused',
    async (scheme, width, _name, html) => {
      const { page, incidents } = await show(html, { scheme, width });
      const wide = 'document.documentElement.scrollWidth - window.innerWidth';
      expect(await page.evaluate<number>(wide)).toBeLessThanOrEqual(0);
      await unfold(page);
      expect(await page.evaluate<number>(wide)).toBeLessThanOrEqual(0);
      expect(incidents).toEqual(NOTHING);
      expect(await violations(page)).toEqual([]);
    },
  );
});

test('light and dark are two colour schemes', async () => {
  const colour = 'getComputedStyle(document.body).backgroundColor';
  const light = await show(b11549, { scheme: 'light' });
  const dark = await show(b11549, { scheme: 'dark' });
  expect(await light.page.evaluate<string>(colour)).toBe('rgb(255, 255, 255)');
  expect(await dark.page.evaluate<string>(colour)).toBe('rgb(16, 20, 24)');
});

describe('what it shows', () => {
  test('the verdict matrix, every number of it', async () => {
    const { page } = await show(b11549);
    const cells = await page.locator('table.matrix tbody td').allInnerTexts();
    const flat = cells.map((text) => text.replaceAll(/\s+/g, ' ').trim());
    expect(flat).toEqual([
      '0 % of 45 ≠ diverged 45',
      '98.7 % of 688 ≠ diverged 9',
      '100 % of 30',
      '11.1 % of 568 ≈ drift 494 ≠ diverged 11',
      '32 % of 50 ⊘ rejected 34',
    ]);
  });

  test('the first difference token under token, and the seam in the stitched sequence', async () => {
    const { page } = await show(b11549);
    const finding = page.locator('#finding-1');
    const differing = finding.locator('table.difference td.wanted, table.difference td.got');
    expect((await differing.allInnerTexts()).map((text) => text.split(/\s+/))).toEqual([
      ['.⏎', '344'],
      ['.⏎⏎', '326'],
    ]);
    expect(await finding.locator('.tokens').first().locator('.seam').count()).toBe(1);
    const flagged = finding.locator('.tokens').first().locator('.token.differs');
    expect(await flagged.innerText()).toMatch(/first difference\s*\.⏎\s*344/);
    const phases = await finding.locator('.tokens').first().locator('.run-name').allInnerTexts();
    expect(phases.slice(0, 3)).toEqual(['reasoning', 'closing', 'content']);
  });

  test('the captured stream, event by event', async () => {
    const { page } = await show(b8929);
    await unfold(page);
    const events = page.locator('#finding-1 table.events tbody tr');
    expect(await events.count()).toBeGreaterThan(10);
    const said = await events.allInnerTexts();
    expect(said.some((text) => text.includes('<think>⏎⏎</think>⏎⏎```'))).toBe(true);
    expect(await page.locator('#finding-1 svg.timeline rect').count()).toBeGreaterThan(1);
  });
});

test('on a narrow page a difference is scrolled to, and its caption is not cut', async () => {
  const { page } = await show(b11549, { width: 360 });
  const box = await page.locator('#finding-1 table.difference td.wanted').boundingBox();
  expect(box?.x).toBeGreaterThan(0);
  expect((box?.x ?? 0) + (box?.width ?? 0)).toBeLessThan(360);
});

describe('with the keyboard', () => {
  test('the first stop skips to the report, and details unfold', async () => {
    const { page } = await show(b11549);
    await page.keyboard.press('Tab');
    expect(await page.evaluate<string>('document.activeElement.className')).toBe('skip');
    await page.keyboard.press('Enter');
    expect(await page.evaluate<string>('document.activeElement.id')).toBe('content');
    const details = page.locator('#finding-1 details').last();
    await details.locator('summary').focus();
    await page.keyboard.press('Enter');
    expect(await details.getAttribute('open')).toBe('');
    await page.keyboard.press('Space');
    expect(await details.getAttribute('open')).toBeNull();
  });

  test('everything that scrolls or acts can be reached, and what has the focus is seen', async () => {
    const { page } = await show(b11549, { width: 360 });
    const seen = new Set<string>();
    for (let i = 0; i < 60; i++) {
      await page.keyboard.press('Tab');
      const at = await page.evaluate<{ tag: string; what: string; outline: string }>(
        '({ tag: document.activeElement.tagName, what: document.activeElement.getAttribute("aria-label") ?? document.activeElement.id ?? "", outline: getComputedStyle(document.activeElement).outlineStyle })',
      );
      seen.add(at.what);
      // After the last stop the browser has the focus.
      if (at.tag !== 'BODY') expect([at, at.outline]).not.toEqual([at, 'none']);
    }
    for (const what of ['Matrix of verdicts', 'search', 'List of findings'])
      expect([...seen]).toContain(what);
    expect([...seen]).toContain('First difference of finding 1');
  });
});

/** The causes of the findings that are not filtered out. */
async function shown(page: Page): Promise<string[]> {
  return await page.locator('article.finding:visible .kicker code').allInnerTexts();
}

describe('the filters', () => {
  test('by words and by verdict, with a count that is read out', async () => {
    const { page } = await show(b11549);
    expect(await shown(page)).toHaveLength(4);
    await page.fill('#search', 'TOKENIZER space');
    expect(await shown(page)).toEqual(['space-run']);
    expect(await page.locator('#status').innerText()).toBe('1 of 4 findings shown.');
    expect(await page.locator('tr[data-row]:visible').count()).toBe(1);
    await page.fill('#search', '');
    await page.uncheck('input[value=diverged]');
    expect(await shown(page)).toEqual(['tool-call-refused']);
    await page.uncheck('input[value=rejected]');
    expect(await shown(page)).toEqual([]);
    await page.check('input[value=diverged]');
    expect(await shown(page)).toHaveLength(3);
  });

  test('all details unfold and fold', async () => {
    const { page } = await show(b11549);
    await unfold(page);
    expect(await page.locator('details:not([open])').count()).toBe(0);
    await page.click('#fold');
    expect(await page.locator('details[open]').count()).toBe(0);
  });
});

test('a command is copied as it is', async () => {
  const { page } = await show(b11549);
  for (const [i, command] of [
    record.findings[0]?.replay.command,
    record.findings[0]?.replay.curl[0],
  ].entries()) {
    await page.locator('#finding-1 button.copy').nth(i).click();
    expect(await page.evaluate<string>('navigator.clipboard.readText()')).toBe(command);
  }
  expect(await page.locator('#status').innerText()).toBe('Copied to the clipboard.');
});

test('on paper everything is unfolded, and folded again after it', async () => {
  const { page } = await show(b11549);
  const folded = page.locator('details:not([open])');
  const before = await folded.count();
  expect(before).toBeGreaterThan(0);
  await page.evaluate('dispatchEvent(new Event("beforeprint"))');
  expect(await folded.count()).toBe(0);
  await page.emulateMedia({ media: 'print', colorScheme: 'dark' });
  expect(await page.evaluate<string>('getComputedStyle(document.body).backgroundColor')).toBe(
    'rgb(255, 255, 255)',
  );
  expect(await page.locator('.tools').isVisible()).toBe(false);
  await page.evaluate('dispatchEvent(new Event("afterprint"))');
  expect(await folded.count()).toBe(before);
});

test('without scripts everything is there but the buttons', async () => {
  const { page } = await show(b11549, { script: false });
  expect(await page.locator('article.finding').count()).toBe(4);
  expect(await page.locator('.tools').isVisible()).toBe(false);
  expect(await page.locator('button:visible').count()).toBe(0);
});

describe('a hostile record', () => {
  test('runs nothing, asks for nothing, and breaks out of nowhere', async () => {
    const { page, incidents } = await show(hostile);
    await unfold(page);
    await page.fill('#search', 'nothing like it');
    await page.fill('#search', '');
    // Events that handlers in an attribute would wait for.
    await page.mouse.move(300, 300);
    await page.mouse.wheel(0, 3000);
    expect(await page.evaluate('window.pwned')).toBeUndefined();
    expect(incidents).toEqual(NOTHING);
    const counts = await page.evaluate<Record<string, number>>(
      'Object.fromEntries(["script", "style", "img", "iframe", "link", "a[href]", "[onerror]", "[onmouseover]", "main > section h2", "article.finding"].map((s) => [s, document.querySelectorAll(s).length]))',
    );
    const right = await show(b11549);
    const expected = await right.page.evaluate<number>(
      'document.querySelectorAll("article.finding").length',
    );
    expect(counts).toMatchObject({ script: 1, style: 1, img: 0, iframe: 0, link: 0 });
    expect(counts).toMatchObject({
      '[onerror]': 0,
      '[onmouseover]': 0,
      'article.finding': expected,
    });
    // Skip link and one link a finding.
    expect(counts['a[href]']).toBe(1 + expected);
    expect(await page.locator(`text=${CANARY}`).count()).toBeGreaterThan(10);
  });

  test('holds no character that hides text or turns its direction', async () => {
    const { page } = await show(hostile);
    const text = await page.evaluate<string>('document.documentElement.textContent');
    expect(text).not.toMatch(/[^\P{C}\n\t]|[\u2028\u2029]/u);
    expect(text).toContain('‹U+202E›');
  });

  test('does not widen a narrow page, and stays accessible', async () => {
    const { page } = await show(hostile, { width: 360 });
    await unfold(page);
    expect(
      await page.evaluate<number>('document.documentElement.scrollWidth - window.innerWidth'),
    ).toBeLessThanOrEqual(0);
    expect(await violations(page)).toEqual([]);
  });

  test('even a script that got in would not run', async () => {
    const broken = b11549.replace(
      '<main id="content"',
      '<script>window.pwned = 1</script><img src="https://example.com/x.png" onerror="window.pwned = 2"><main id="content"',
    );
    const { page, incidents } = await show(broken);
    await page.waitForTimeout(200);
    expect(await page.evaluate('window.pwned')).toBeUndefined();
    expect(incidents.requests).toEqual(['https://example.com/x.png']);
    expect(incidents.stopped).toEqual(incidents.requests);
    expect(incidents.console.length).toBeGreaterThan(0);
  });
});

test('thousands of findings: it opens, filters, and says what is left out', async () => {
  const { page, incidents } = await show(htmlReport(manyFindings(record, 3000)));
  const articles = await page.locator('article.finding').count();
  expect(articles).toBeGreaterThan(20);
  await page.fill('#search', 'space-run');
  expect(await page.locator('article.finding:visible').count()).toBeLessThan(articles);
  expect(await page.locator('.warning', { hasText: 'not shown in detail' }).count()).toBe(1);
  expect(incidents).toEqual(NOTHING);
});
