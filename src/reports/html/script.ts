/**
 * The page's only script: filters, copy buttons, unfold and fold. Text goes into the page as text
 * alone. Without it the page still shows everything.
 */
export const SCRIPT = `'use strict';
(() => {
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const status = document.getElementById('status');
  const say = (text) => { if (status) status.textContent = text; };

  for (const element of all('[data-script]')) element.hidden = false;

  for (const button of all('button.copy')) {
    button.hidden = false;
    const label = button.firstChild;
    button.addEventListener('click', async () => {
      const code = button.parentElement.querySelector('code');
      const done = await copied(code);
      label.textContent = done ? 'Copied' : 'Press Ctrl+C';
      say(done ? 'Copied to the clipboard.' : 'The command is selected; press Ctrl+C to copy it.');
      setTimeout(() => { label.textContent = 'Copy'; }, 2000);
    });
  }

  async function copied(code) {
    try {
      await navigator.clipboard.writeText(code.textContent);
      return true;
    } catch {
      const range = document.createRange();
      range.selectNodeContents(code);
      const selection = getSelection();
      selection.removeAllRanges();
      selection.addRange(range);
      try { return document.execCommand('copy'); } catch { return false; }
    }
  }

  // Where a difference does not fit, its first differing token is what is seen.
  for (const head of all('.difference thead .differs:not(.differs ~ .differs)')) {
    const region = head.closest('.scroll');
    const table = head.closest('table');
    const room = region.clientWidth - head.offsetWidth;
    if (head.offsetLeft > room) region.scrollLeft = Math.min(head.offsetLeft - room / 2, table.offsetWidth);
  }

  const search = document.getElementById('search');
  const boxes = all('input[name=verdict]');
  const articles = all('article.finding');
  const rows = new Map(all('tr[data-row]').map((row) => [row.dataset.row, row]));
  function filter() {
    const words = (search?.value ?? '').toLowerCase().split(/\\s+/).filter(Boolean);
    const verdicts = new Set(boxes.filter((box) => box.checked).map((box) => box.value));
    let shown = 0;
    articles.forEach((article, i) => {
      const fits = verdicts.has(article.dataset.verdict)
        && words.every((word) => article.dataset.search.includes(word));
      article.hidden = !fits;
      const row = rows.get(String(i + 1));
      if (row) row.hidden = !fits;
      if (fits) shown += 1;
    });
    say(shown + ' of ' + articles.length + ' findings shown.');
  }
  search?.addEventListener('input', filter);
  for (const box of boxes) box.addEventListener('change', filter);

  const details = () => all('details');
  document.getElementById('unfold')?.addEventListener('click', () => {
    for (const one of details()) one.open = true;
    say('Everything is unfolded.');
  });
  document.getElementById('fold')?.addEventListener('click', () => {
    for (const one of details()) one.open = false;
    say('Details are folded.');
  });

  let folded = [];
  addEventListener('beforeprint', () => {
    folded = details().filter((one) => !one.open);
    for (const one of folded) one.open = true;
  });
  addEventListener('afterprint', () => { for (const one of folded) one.open = false; });
})();
`;
