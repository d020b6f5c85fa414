/**
 * What the thinker answers to the eleven kinds of prompt that it knows: a port of the answer
 * functions of the corpus it was trained on, from the prompt instead of from a random draw.
 */

/** What the model thinks and says; `calls` hold each call's name and arguments as JSON text. */
export interface Script {
  readonly reasoning: string;
  readonly content: string;
  readonly calls?: readonly { readonly name: string; readonly arguments: string }[];
}

interface Kind {
  readonly name: string;
  readonly prompt: RegExp;
  /** The script, or undefined when the prompt names something that the model does not know. */
  readonly answer: (parts: readonly string[]) => Script | undefined;
}

const FRUITS: Readonly<Record<string, string>> = {
  apple: '🍎',
  banana: '🍌',
  cherry: '🍒',
  grape: '🍇',
  kiwi: '🥝',
  lemon: '🍋',
  mango: '🥭',
  peach: '🍑',
  pear: '🍐',
  melon: '🍈',
};

const CITIES: Readonly<Record<string, string>> = {
  Lima: '利马',
  Oslo: '奥斯陆',
  Kyoto: '京都',
  Paris: '巴黎',
  Cairo: '开罗',
  Quito: '基多',
  Seoul: '首尔',
  Delhi: '德里',
};

const FAMILY = ['👩‍👩‍👧', '👨‍👩‍👧‍👦', '👩🏽‍💻', '🧑🏿‍🚀', '🏳️‍🌈', '👩‍❤️‍👨', '🇯🇵', '👍🏾'];

const FAMILY_RUN = new RegExp(FAMILY.join('|'), 'gu');

function addition([first = '', second = '']: readonly string[]): Script {
  const [a, b] = [Number(first), Number(second)];
  const lines = [`I need to add ${a} and ${b}, digit by digit.`];
  let [x, y, carry] = [a, b, 0];
  while (x > 0 || y > 0 || carry > 0) {
    const [d, e] = [x % 10, y % 10];
    const sum = d + e + carry;
    lines.push(
      `  ${d} + ${e} + ${carry} = ${sum}, write ${sum % 10}, carry ${Math.floor(sum / 10)}`,
    );
    [x, y, carry] = [Math.floor(x / 10), Math.floor(y / 10), Math.floor(sum / 10)];
  }
  const total = a + b;
  lines.push(
    `So the sum is ${total}.\n\nLet's double-check: ${total} - ${b} = ${total - b}. That's right.`,
  );
  const content = `The sum of ${a} and ${b} is **${total}**.\n\n    ${a}\n  + ${b}\n  ------\n    ${total}\n`;
  return { reasoning: lines.join('\n'), content };
}

function fruits([list = '']: readonly string[]): Script | undefined {
  const names = list.split(', ');
  const emoji = names.map((name) => FRUITS[name]);
  if (emoji.includes(undefined)) return undefined;
  const lines = names.map((name, i) => `${i + 1}. **${capitalized(name)}** ${emoji[i]}`);
  return {
    reasoning: `The user gives ${names.length} fruits: ${list}. I'll put one on each line,\nwith its emoji.\n\n${emoji.join(' ')}`,
    content: `Here are your ${names.length} fruits:\n\n${lines.join('\n')}\n\nEnjoy!  `,
  };
}

function python([name = '', items = '', spaces = '']: readonly string[]): Script {
  const i = ' '.repeat(Number(spaces));
  return {
    reasoning: `A Python function \`${name}\` over \`${items}\`, indented by ${spaces} spaces.\n\nEdge case: \`${items}\` may be empty, so I'd return early.\n`,
    content: `\`\`\`python\ndef ${name}(${items}):\n${i}if not ${items}:\n${i}${i}return None\n\n${i}out = []\n${i}for i, x in enumerate(${items}):\n${i}${i}if x is not None:\n${i}${i}${i}out.append((i, x))\n${i}return out\n\`\`\`\n\nCall \`${name}(${items})\`; it doesn't change \`${items}\`.`,
  };
}

function go([name = '', items = '']: readonly string[]): Script {
  return {
    reasoning: `Go uses tabs.  I'll write \`${name}\` for \`${items}\`;\n\twe're careful with the blank lines.`,
    content: `\`\`\`go\nfunc ${name}(${items} []int) int {\n\tn := 0\n\tfor _, x := range ${items} {\n\t\tif x > 0 {\n\t\t\tn += x\n\t\t}\n\t}\n\n\treturn n\n}\n\`\`\`\n`,
  };
}

function json([name = '', age = '', city = '']: readonly string[]): Script | undefined {
  const zh = CITIES[city];
  if (zh === undefined) return undefined;
  return {
    reasoning: `JSON for ${name}, age ${age}, from ${city} (${zh}).\nKeys: name, age, city, tags.`,
    content: `{\n  "name": "${name}",\n  "age": ${age},\n  "city": {\n    "en": "${city}",\n    "zh": "${zh}"\n  },\n  "tags": [\n    "a\\tb",\n    ""\n  ]\n}`,
  };
}

function table([list = '']: readonly string[]): Script | undefined {
  const rows = list.split(', ').map((row) => {
    const [name = '', score = ''] = row.split(' ');
    return { name, score: Number(score) };
  });
  const best = rows.toSorted((a, b) => b.score - a.score || (a.name < b.name ? 1 : -1))[0];
  if (best === undefined) return undefined;
  const told = rows.map((row) => `${row.name} has ${row.score}`).join('; ');
  const lines = rows.map((row) => `| ${padded(row.name, 6)} | ${String(row.score).padStart(5)} |`);
  return {
    reasoning: `Three rows: ${told}.\n\n${best.name} has the most: ${best.score}.`,
    content: `| name   | score |\n|:-------|------:|\n${lines.join('\n')}\n\n${best.name} wins with ${best.score}!!!`,
  };
}

function poem([name = '', city = '', fruit = '']: readonly string[]): Script | undefined {
  const emoji = FRUITS[fruit];
  if (emoji === undefined) return undefined;
  return {
    reasoning: `A short poem on ${name} in ${city}. Lines end in two spaces,\nso that Markdown breaks them…\n\n\nI'll use a ${fruit}.`,
    content: `${name} walked through ${city}'s rain,  \n  and couldn't find the ${fruit} again;  \n    the market closed, the lamps were lit,  \n      — a ${fruit} ${emoji}, and ${name} bit.  \n\n\n*Fin.*`,
  };
}

function chinese([name = '', zh = '', days = '']: readonly string[]): Script | undefined {
  const city = Object.keys(CITIES).find((known) => CITIES[known] === zh);
  if (city === undefined) return undefined;
  return {
    reasoning: `用户想去${zh}，住${days}天。\n先想一想：天气、交通、美食。\n\n好的，我来写。`,
    content: `${name}，你好！去${zh}（${city}）住${days}天，可以这样安排：\n\n一、第1天：看一看老城；\n二、第${days}天：坐火车回家。\n\n祝你在${zh}玩得开心！🎉`,
  };
}

function repeated([run = '']: readonly string[]): Script | undefined {
  const all = run.match(FAMILY_RUN) ?? [];
  if (all.length === 0 || all.join('') !== run) return undefined;
  const reversed = all.toReversed();
  return {
    reasoning: `Repeat the emoji in order, then reversed:\n${reversed.join(' ')}`,
    content: `In order: ${run}\nReversed: ${reversed.join('')}\n(${all.length} in all — e\u0301te\u0301, naïve, ñ)`,
  };
}

function staircase([steps = '', mark = '']: readonly string[]): Script {
  const count = Number(steps);
  const each = Array.from({ length: count }, (_, i) => i);
  return {
    reasoning: `A staircase of ${count} steps with ${mark}: step i has i*2 spaces before it.\n${each.map((i) => `step ${i}: ${i * 2} spaces`).join('\n')}`,
    content: `\`\`\`\n${each.map((i) => '  '.repeat(i) + mark.repeat(2)).join('\n')}\n\`\`\`\n${'-'.repeat(count)}`,
  };
}

function weather([city = '', unit = '']: readonly string[]): Script {
  return {
    reasoning: `I need the weather in ${city}, in ${unit}. I'll call get_weather.`,
    content: '',
    calls: [{ name: 'get_weather', arguments: `{"city": "${city}", "unit": "${unit}"}` }],
  };
}

/** The kinds of prompt, in the corpus's order. */
export const KINDS: readonly Kind[] = [
  { name: 'addition', prompt: /^Add (\d{1,9}) and (\d{1,9})\.$/u, answer: addition },
  {
    name: 'fruits',
    prompt: /^List these fruits with emoji: ([a-z]+(?:, [a-z]+)*)\.$/u,
    answer: fruits,
  },
  {
    name: 'python',
    prompt: /^Write a Python function (\w{1,30}) over (\w{1,30}) with (\d)-space indents\.$/u,
    answer: python,
  },
  { name: 'go', prompt: /^Write a Go function (\w{1,30}) over (\w{1,30})\.$/u, answer: go },
  {
    name: 'json',
    prompt: /^Give JSON for (\p{L}{1,30}), (\d{1,3}), (\p{L}{1,30})\.$/u,
    answer: json,
  },
  {
    name: 'table',
    prompt: /^Make a table: (\p{L}{1,30} \d{1,6}(?:, \p{L}{1,30} \d{1,6}){2})\.$/u,
    answer: table,
  },
  {
    name: 'poem',
    prompt: /^Write a poem about (\p{L}{1,30}) in (\p{L}{1,30}) with a ([a-z]+)\.$/u,
    answer: poem,
  },
  {
    name: 'chinese',
    prompt: /^(\p{L}{1,30})想去(\p{L}{1,30}?)(\d{1,2})天，怎么安排？$/u,
    answer: chinese,
  },
  { name: 'emoji', prompt: /^Repeat and reverse: (\S{1,200})$/u, answer: repeated },
  {
    name: 'staircase',
    prompt: /^Draw a staircase of (\d{1,2}) steps with ([#*@%])\.$/u,
    answer: staircase,
  },
  {
    name: 'weather',
    prompt: /^Use the tool: weather in (\p{L}{1,30}), (celsius|fahrenheit)\?$/u,
    answer: weather,
  },
];

/** The script for a prompt of a known kind. */
export function knownScript(prompt: string): Script | undefined {
  for (const kind of KINDS) {
    const match = kind.prompt.exec(prompt);
    if (match !== null) return kind.answer(match.slice(1));
  }
  return undefined;
}

function capitalized(word: string): string {
  return word.slice(0, 1).toUpperCase() + word.slice(1);
}

/** Pads to a width in characters, as Python does. */
function padded(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - Array.from(text).length));
}
