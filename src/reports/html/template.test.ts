import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { nasty } from '../hostile.test-help.ts';
import { escapeHtml, html, Html, shortened } from './template.ts';

test('a value can be neither markup nor the end of an attribute', () => {
  fc.assert(
    fc.property(nasty, (text) => {
      const { source } = html`<p title="${text}">${text}</p>`;
      expect(source).toMatch(/^<p title="[^"<>]*">[^<>"]*<\/p>$/);
      expect(source).not.toMatch(/[^\P{C}\n\t]/u);
      expect(source).not.toMatch(/&(?!(amp|lt|gt|quot|#39|#96);)/);
    }),
  );
});

test('what is not hidden comes back', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme-ascii' }), (text) => {
      const back = escapeHtml(text)
        .replaceAll('&lt;', '<')
        .replaceAll('&gt;', '>')
        .replaceAll('&quot;', '"')
        .replaceAll('&#39;', "'")
        .replaceAll('&#96;', '`')
        .replaceAll('&amp;', '&');
      expect(back).toBe(text);
    }),
  );
});

function item(text: string): Html {
  return html`<li>${text}</li>`;
}

test('pieces, lists and nothing', () => {
  expect(html`${[item('<'), item('b')]}${undefined}${false}${0}`.source).toBe(
    '<li>&lt;</li><li>b</li>0',
  );
});

test('a shortened text is never cut inside a character, and says what is missing', () => {
  expect(shortened('abc', 3)).toBe('abc');
  expect(shortened('abcd', 3)).toBe('abc… (1 more characters left out)');
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), fc.integer({ min: 1, max: 20 }), (text, most) => {
      const cut = shortened(text, most);
      expect(cut.isWellFormed()).toBe(text.isWellFormed());
      expect(cut.startsWith(text.slice(0, most - 1))).toBe(true);
    }),
  );
});
