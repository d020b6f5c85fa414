/** HTML that cannot hold what it was not meant to: every value is escaped unless it is HTML already. */

/** A piece of HTML. */
export class Html {
  readonly source: string;

  constructor(source: string) {
    this.source = source;
  }
}

export type Value = Html | string | number | false | undefined | readonly Value[];

/** Controls but line break and tab, format and bidirectional characters, lone surrogates, separators. */
const HIDDEN = /[^\P{C}\n\t]|[\p{Zl}\p{Zp}]|\p{Default_Ignorable_Code_Point}/gu;

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
  '`': '&#96;',
};

/** Text for an element or a quoted attribute; what is hidden or turns the direction is spelled out. */
export function escapeHtml(text: string): string {
  return text
    .replaceAll(
      HIDDEN,
      (character) =>
        `‹U+${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}›`,
    )
    .replaceAll(/[&<>"'`]/g, (character) => ENTITIES[character] ?? '');
}

/** @example html`<p>${text}</p>` */
export function html(strings: TemplateStringsArray, ...values: readonly Value[]): Html {
  return new Html(
    strings.map((part, i) => part + (i < values.length ? sourceOf(values[i]) : '')).join(''),
  );
}

function sourceOf(value: Value): string {
  if (value === undefined || value === false) return '';
  if (value instanceof Html) return value.source;
  if (typeof value === 'object') return value.map(sourceOf).join('');
  return escapeHtml(String(value));
}

/** A text cut to a number of characters, with a note of what is missing. */
export function shortened(text: string, most: number): string {
  if (text.length <= most) return text;
  const end = /[\uD800-\uDBFF]/.test(text.charAt(most - 1)) ? most - 1 : most;
  return `${text.slice(0, end)}… (${text.length - end} more characters left out)`;
}
