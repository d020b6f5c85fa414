/** Chromium without a window, and reports opened in it as files, as people open them. */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { chromium, type BrowserContext, type Page } from 'playwright-core';
import { afterAll, beforeAll } from 'vitest';

const CHROMIUM = '/usr/bin/chromium';

const ARGUMENTS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** What a page did that a report must never do. */
export interface Incidents {
  /** Addresses asked for, the page's own apart. */
  readonly requests: string[];
  /** Of these, those that the page's policy stopped. */
  readonly stopped: string[];
  /** Errors, warnings and refusals of the policy. */
  readonly console: string[];
  readonly dialogs: string[];
}

export interface Opened {
  readonly page: Page;
  readonly incidents: Incidents;
}

export interface Look {
  readonly scheme?: 'light' | 'dark';
  readonly width?: number;
  readonly script?: boolean;
}

/** A browser for the tests of one file. */
export function browser(): { open: (html: string, look?: Look) => Promise<Opened> } {
  const home = mkdtempSync(join(tmpdir(), 'seamstress-browser-'));
  const contexts = new Map<boolean, BrowserContext>();
  let pages = 0;

  async function context(script: boolean): Promise<BrowserContext> {
    const known = contexts.get(script);
    if (known !== undefined) return known;
    const made = await chromium.launchPersistentContext(join(home, `profile-${script}`), {
      executablePath: CHROMIUM,
      headless: true,
      args: ARGUMENTS,
      javaScriptEnabled: script,
      permissions: script ? ['clipboard-read', 'clipboard-write'] : [],
    });
    contexts.set(script, made);
    return made;
  }

  beforeAll(async () => {
    if (!existsSync(CHROMIUM))
      throw new Error(`${CHROMIUM} is missing: apt-get install -y chromium`);
    await context(true);
  });
  afterAll(async () => {
    for (const one of contexts.values()) await one.close();
    rmSync(home, { recursive: true, force: true });
  });

  return {
    open: async (html, { scheme = 'light', width = 1280, script = true } = {}) => {
      const file = join(home, `report-${pages++}.html`);
      writeFileSync(file, html);
      const page = await (await context(script)).newPage();
      const incidents: Incidents = { requests: [], stopped: [], console: [], dialogs: [] };
      const url = pathToFileURL(file).href;
      page.on('request', (request) => {
        if (request.url() !== url) incidents.requests.push(request.url());
      });
      page.on('requestfailed', (request) => {
        if (request.failure()?.errorText === 'csp') incidents.stopped.push(request.url());
      });
      page.on('console', (message) => incidents.console.push(message.text()));
      page.on('pageerror', (error) => incidents.console.push(error.message));
      page.on('dialog', (dialog) => {
        incidents.dialogs.push(dialog.message());
        void dialog.dismiss();
      });
      await page.emulateMedia({ colorScheme: scheme });
      await page.setViewportSize({ width, height: 900 });
      await page.goto(url);
      return { page, incidents };
    },
  };
}
