/** The round-trip table for the terminal. */
import type {
  Judgement,
  KindRow,
  RoundTripTable,
  Share,
  TableExample,
} from '../tokens/reportSchema.ts';
import { visible } from '../tokens/text.ts';
import { table } from './terminal/table.ts';

const MAX_EXAMPLES = 16;
const MAX_PIECES = 14;

/** The table as text, with an example of each class. Ends with a line break. */
export function roundTripText(report: RoundTripTable): string {
  const { total, kinds, header, basis, complete, misfits } = report;
  const rows = kinds.length > 1 ? [...kinds, total] : kinds;
  const lines = [
    ...table([
      ['kind', 'bytes', 'tokens', 'cuts', 'fail alone', '95 %', 'by cut', 'by ids', 'after header'],
      ...rows.map(rowOf),
    ]).map((line) => `  ${line}`),
    '',
    ...(total.cuts === 0 ? [] : [...classLines('alone', total.alone), '']),
    ...(header === null || header.text === ''
      ? []
      : [
          `  header: ${visible(header.text)}${header.canonical ? '' : ' (does not come back itself)'}`,
          ...(sameClasses(total.alone, total.afterHeader)
            ? []
            : classLines('after the header', total.afterHeader)),
          '',
        ]),
    ...exampleLines(report.examples),
    ...misfits.map(
      ({ kind, at, id, server, local }) =>
        `  ${visible(kind)}: not judged: token ${at} (id ${id}) is "${server}" to the server and "${local}" here`,
    ),
    ...(basis === 'bytes'
      ? ['  no tokenizer: only cuts inside characters are seen; the rates are lower bounds']
      : []),
    ...(total.untested > 0
      ? [`  not tested: ${total.untested} cuts of texts that can't be taken apart`]
      : []),
    ...(complete ? [] : ['  stopped: what was not finished is left out']),
    `  ${total.alone.notIdempotent.count} of ${total.cuts} cuts do not come back from their text; ${total.endsInWhitespace} end in white space, which templates may trim`,
  ];
  return `${lines.join('\n')}\n`;
}

function rowOf({ kind, bytes, tokens, cuts, alone, afterHeader }: KindRow): string[] {
  const { notIdempotent, cutInduced, nonCanonical } = alone;
  return [
    visible(kind),
    `${bytes}`,
    `${tokens}`,
    `${cuts}`,
    rateOf(notIdempotent),
    intervalOf(notIdempotent),
    `${cutInduced.count}`,
    `${nonCanonical.count}`,
    rateOf(afterHeader.notIdempotent),
  ];
}

function rateOf({ count, rate }: Share): string {
  return rate === null ? '-' : `${count} = ${percent(rate)}`;
}

function intervalOf({ low, high, rate }: Share): string {
  return rate === null ? '-' : `${percent(low)}–${percent(high)}`;
}

/** With so many digits that a small share is not shown as none. */
function percent(share: number): string {
  const value = share * 100;
  return `${value > 0 && value < 0.1 ? value.toPrecision(1) : value.toFixed(value < 10 ? 2 : 1)} %`;
}

function classLines(where: string, judgement: Judgement): string[] {
  if (judgement.classes.length === 0) return [`  ${where}: every cut comes back`];
  return table([
    [where, 'fault', 'cuts', 'share', '95 %'],
    ...judgement.classes.map((entry) => [
      entry.class,
      FAULT[entry.fault],
      `${entry.count}`,
      entry.rate === null ? '-' : percent(entry.rate),
      intervalOf(entry),
    ]),
  ]).map((line) => `  ${line}`);
}

const FAULT = { cut: 'the cut', ids: 'the ids' } as const;

function sameClasses(a: Judgement, b: Judgement): boolean {
  return JSON.stringify(a.classes) === JSON.stringify(b.classes);
}

/** The smallest example of each class, fault and surrounding, whatever the kind of text. */
function exampleLines(examples: readonly TableExample[]): string[] {
  const best = new Map<string, TableExample>();
  for (const example of examples) {
    const key = [example.class, example.fault, example.where].join();
    if (example.ids.length < (best.get(key)?.ids.length ?? Number.POSITIVE_INFINITY))
      best.set(key, example);
  }
  const shown = [...best.values()].slice(0, MAX_EXAMPLES);
  if (shown.length === 0) return [];
  return [
    '  smallest examples (│ between tokens, ‖ the cut)',
    ...shown.flatMap((example) => [
      `    ${example.class} · ${FAULT[example.fault]} · ${visible(example.kind)}${example.where === 'alone' ? '' : ' · after the header'}`,
      `      wanted  ${pieces(example.kept)} ‖ ${first(example.rest)}   ids … ${last(example.ids.slice(0, example.k))}`,
      `      got     ${pieces(example.encoded)}   ids … ${last(example.actual)}`,
    ]),
    '',
  ];
}

/** The last pieces; those are where the difference lies. */
function pieces(shown: readonly string[]): string {
  const text = shown.slice(-MAX_PIECES).join('│');
  return shown.length > MAX_PIECES ? `…${text}` : text === '' ? '(nothing)' : text;
}

function first(shown: readonly string[]): string {
  return shown.slice(0, MAX_PIECES).join('│');
}

function last(ids: readonly number[]): string {
  return ids.slice(-MAX_PIECES).join(' ');
}
