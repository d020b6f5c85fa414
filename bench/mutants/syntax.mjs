/**
 * The mutants of one TypeScript file, and the file with all of them in it: each change stands behind
 * `__m(id)`, which is true for the one mutant that is switched on.
 *
 * A condition is made always and never true, which no test misses that would notice its negation;
 * of `a && b`, `a || b` and `a ?? b` each side is left out, for the same reason.
 */
import { parseAst } from 'vitest/node';

const SWAPPED = {
  '<': '<=',
  '<=': '<',
  '>': '>=',
  '>=': '>',
  '===': '!==',
  '!==': '===',
  '+=': '-=',
  '-=': '+=',
};
const METHODS = new Map([
  ['some', 'every'],
  ['every', 'some'],
  ['startsWith', 'endsWith'],
  ['endsWith', 'startsWith'],
]);
const LIMITS = new Map([
  ['min', 'max'],
  ['max', 'min'],
]);
/** Calls that are left out, so that what they are called on stands alone. */
const LEFT_OUT = new Set(['trim', 'trimStart', 'trimEnd', 'filter', 'toReversed', 'toSorted']);
/** Nodes of the type syntax that hold an expression. */
const WRAPPERS = new Set(['TSAsExpression', 'TSSatisfiesExpression', 'TSNonNullExpression']);

/** @returns {{ file: string, line: number, from: string, to: string, start: number, end: number, text: string, form: string }[]} */
export function mutantsOf(file, source) {
  const mutants = [];
  const lines = [0];
  for (let i = 0; i < source.length; i++) if (source[i] === '\n') lines.push(i + 1);
  const src = ({ start, end }) => source.slice(start, end);
  const add = (node, text, to, form = 'expression') => {
    const line = lines.findLastIndex((start) => start <= node.start) + 1;
    const { start, end } = node;
    mutants.push({ file, line, ...shown(src(node), to), start, end, text, form });
  };
  const put = (node, text) => add(node, text, text);

  const visit = (node, parent, key, top) => {
    if (node === null || typeof node !== 'object') return;
    if (Array.isArray(node)) {
      for (const one of node) visit(one, parent, key, top);
      return;
    }
    if (typeof node.type !== 'string') return;
    if (node.type.startsWith('TS') && !WRAPPERS.has(node.type)) return;
    if (/^(?:Import|Export(?:All|Specifier))/.test(node.type)) return;
    if (!isName(parent, key)) mutate(node, parent, key, top);
    const inside = top && !/Function|Class/.test(node.type);
    for (const [name, child] of Object.entries(node)) {
      if (isName(node, name) || name === 'typeAnnotation' || name === 'source') continue;
      if (child !== null && typeof child === 'object') visit(child, node, name, inside);
    }
  };

  const mutate = (node, parent, key, top) => {
    if (key === 'test' && /^(?:If|Conditional|While|DoWhile|For)/.test(parent.type)) {
      put(node, 'false');
      if (/^(?:If|Conditional)/.test(parent.type)) put(node, 'true');
    }
    switch (node.type) {
      case 'BinaryExpression':
        if (SWAPPED[node.operator]) swap(node, SWAPPED[node.operator]);
        break;
      case 'AssignmentExpression':
        if (SWAPPED[node.operator] && parent.type !== 'ExpressionStatement')
          swap(node, SWAPPED[node.operator]);
        break;
      case 'LogicalExpression':
        put(node, src(node.left));
        put(node, src(node.right));
        break;
      case 'UnaryExpression':
        if (node.operator === '!' && key !== 'test') put(node, src(node.argument));
        break;
      case 'Literal':
        literal(node, parent);
        break;
      case 'TemplateLiteral':
        if (parent.type !== 'TaggedTemplateExpression') put(node, "''");
        break;
      case 'ArrayExpression':
        for (const one of node.elements) if (one !== null) add(one, '', 'nothing', 'element');
        break;
      case 'ObjectExpression':
        if (top)
          for (const one of node.properties)
            if (one.type === 'Property' && !one.method) add(one, '', 'nothing', 'property');
        break;
      case 'ExpressionStatement':
        if (node.directive === undefined || node.directive === null)
          add(node, '', 'nothing', 'statement');
        break;
      case 'CallExpression':
        call(node, parent, key);
        break;
      default:
    }
  };

  const swap = (node, operator) => {
    const between = source.slice(node.left.end, node.right.start);
    put(
      node,
      source.slice(node.start, node.left.end) +
        between.replace(node.operator, operator) +
        source.slice(node.right.start, node.end),
    );
  };

  const literal = (node, parent) => {
    if (node.regex) {
      for (const text of patterns(node.regex)) put(node, text);
    } else if (typeof node.value === 'number') {
      put(node, String(node.value + 1));
      put(node, node.value === 0 ? '-1' : String(node.value - 1));
    } else if (typeof node.value === 'boolean') put(node, String(!node.value));
    else if (
      typeof node.value === 'string' &&
      parent.type !== 'ArrayExpression' &&
      parent.type !== 'ExpressionStatement'
    )
      put(node, node.value === '' ? "'mutant'" : "''");
  };

  const call = (node, parent, key) => {
    const { callee } = node;
    if (callee.type !== 'MemberExpression' || callee.computed) return;
    // Brackets around a part of a?.b.c() would end the chain there.
    const inChain = (key === 'object' || key === 'callee') && /^(?:Member|Call)/.test(parent.type);
    if (inChain && source.slice(node.start, node.end).includes('?.')) return;
    const { name } = callee.property;
    const other =
      METHODS.get(name) ?? (src(callee.object) === 'Math' ? LIMITS.get(name) : undefined);
    if (other !== undefined)
      put(
        node,
        source.slice(node.start, callee.property.start) +
          other +
          source.slice(callee.property.end, node.end),
      );
    if (LEFT_OUT.has(name)) put(node, src(callee.object));
  };

  visit(parseAst(source, { lang: 'ts' }).body, { type: 'Program' }, 'body', true);
  return mutants;
}

/**
 * The file with all mutants in it. A constant of the module that holds some is a variable there,
 * which can be computed anew with a mutant on: importers see that, since bindings are live.
 *
 * @param mutants of this file, each with its id
 */
export function instrument(source, mutants) {
  const ranges = new Map();
  for (const one of [...mutants, ...constantsWith(mutants, source)]) {
    const key = `${one.start}-${one.end}`;
    ranges.set(key, [...(ranges.get(key) ?? []), one]);
  }
  const groups = [...ranges.values()].toSorted(([a], [b]) => a.start - b.start || b.end - a.end);
  let next = 0;
  const between = (start, end) => {
    let out = '';
    let at = start;
    while (next < groups.length && groups[next][0].start < end) {
      const group = groups[next++];
      const [{ start: from, end: to }] = group;
      out += source.slice(at, from) + wrapped(group, between(from, to));
      at = to;
    }
    return out + source.slice(at, end);
  };
  const body = between(0, source.length);
  return `${HELPERS} ${body}`;
}

const HELPERS = `
function __m(id: number): any { return (globalThis as any).seamstressMutant?.(id) ?? false; }
function __c<T>(make: () => T, set: (value: T) => void): T {
  ((globalThis as any).seamstressConstants ??= []).push(() => set(make()));
  return make();
}`.replaceAll(/\s+/g, ' ');

function constantsWith(mutants, source) {
  const out = [];
  for (const statement of parseAst(source, { lang: 'ts' }).body) {
    const { type, kind, declarations } = statement.declaration ?? statement;
    if (type !== 'VariableDeclaration' || kind !== 'const' || declarations.length !== 1) continue;
    const [{ id, init }] = declarations;
    if (id.type !== 'Identifier' || /Function/.test(init.type)) continue;
    if (!mutants.some(({ start, end }) => start >= init.start && end <= init.end)) continue;
    const at = (statement.declaration ?? statement).start;
    out.push(
      { start: at, end: at + 'const'.length, form: 'keyword' },
      { start: init.start, end: init.end, form: 'constant', name: id.name },
    );
  }
  return out;
}

function wrapped(group, inner) {
  let out = inner;
  for (const { id, text, form, name } of group.toSorted((a, b) => ORDER[a.form] - ORDER[b.form])) {
    if (form === 'element') out = `...(__m(${id}) ? [] : [${out}])`;
    else if (form === 'property') out = `...(__m(${id}) ? {} : { ${out} })`;
    else if (form === 'keyword') out = 'let';
    else if (form === 'constant') out = `__c(() => (${out}), (v) => { ${name} = v; })`;
    else if (form === 'statement') out = `{ if (!__m(${id})) { ${out} } }`;
    else out = `(__m(${id}) ? (${text}) : (${out}))`;
  }
  return out;
}
const ORDER = { expression: 0, element: 1, property: 1, statement: 1, keyword: 1, constant: 2 };

/** True for what names something and is no expression. */
function isName(node, key) {
  if (node.computed) return false;
  return (
    (key === 'key' && /Property|Method/.test(node.type)) ||
    (key === 'property' && node.type === 'MemberExpression')
  );
}

/** A pattern with one alternative, one anchor or one flag less. */
function patterns({ pattern, flags }) {
  const out = [];
  const groups = [{ start: 0, bars: [] }];
  const close = ({ start, bars }, end) => {
    if (bars.length === 0) return;
    const borders = [start - 1, ...bars, end];
    for (let i = 0; i + 1 < borders.length; i++) {
      const [from, to] = i === 0 ? [start, borders[1] + 1] : [borders[i], borders[i + 1]];
      out.push(pattern.slice(0, from) + pattern.slice(to));
    }
  };
  for (let i = 0; i < pattern.length; i++) {
    const unit = pattern[i];
    if (unit === '\\') i++;
    else if (unit === '[') {
      while (pattern[++i] !== ']') if (pattern[i] === '\\') i++;
    } else if (unit === '(') {
      i += /^\((?:\?(?:<?[=!]|:|<\w+>))?/.exec(pattern.slice(i))[0].length - 1;
      groups.push({ start: i + 1, bars: [] });
    } else if (unit === ')') close(groups.pop(), i);
    else if (unit === '|') groups.at(-1).bars.push(i);
    else if (unit === '^' || unit === '$') out.push(pattern.slice(0, i) + pattern.slice(i + 1));
  }
  close(groups[0], pattern.length);
  const made = out.filter((one) => one !== '').map((one) => `/${one}/${flags}`);
  return flags.includes('i') ? [...made, `/${pattern}/${flags.replace('i', '')}`] : made;
}

/** What a change does, in short: of long texts the part that differs. */
function shown(before, after) {
  const [from, to] = [before, after].map((text) => text.replaceAll(/\s+/g, ' '));
  let at = 0;
  while (at < Math.min(from.length, to.length) && from[at] === to[at]) at++;
  const cut = (text) => {
    const start = text.length > LONG ? Math.max(0, Math.min(at, text.length) - LONG / 3) : 0;
    const part = text.slice(start, start + LONG);
    return `${start > 0 ? '…' : ''}${part}${start + LONG < text.length ? '…' : ''}`;
  };
  return { from: cut(from), to: cut(to) };
}
const LONG = 90;
