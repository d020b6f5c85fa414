/** Does what the client shows hold the answer once and whole? */
import { compareTexts } from '../compare.ts';
import { trailingOf } from '../conversation.ts';
import { isOf, type Sequel } from '../sequel.ts';
import { fail, notSeen, pass, UNBROKEN, type Check, type Observation } from './check.ts';

/** Shorter texts occur by chance. */
const TELLING = 8;

/** How the client prints a text: as it is, trimmed, or inside JSON. */
const PRINTED: readonly ((text: string) => string)[] = [
  (text) => text,
  (text) => text.trim(),
  (text) => JSON.stringify(text).slice(1, -1),
  (text) => JSON.stringify(text.trim()).slice(1, -1),
];

/** How this client prints an answer, as its uninterrupted run shows; undefined if it does not. */
function printing({ control }: Observation): ((text: string) => string) | undefined {
  if (control === undefined || control.content.trim().length < TELLING) return undefined;
  return PRINTED.find((print) => control.stdout.includes(print(control.content)));
}

/**
 * The answer that the client got in the end, in the parts in which it was given; undefined where
 * it is unclear.
 */
function answerOf({ held, later }: Sequel): string[] | undefined {
  const last = later.find(({ end }) => end === 'whole');
  if (last === undefined) return undefined;
  const trailing = trailingOf(last.asked);
  if (trailing === undefined) {
    const turns = last.asked.messages.filter(({ role }) => role === 'assistant').length;
    const before = later[0]?.asked.messages.filter(({ role }) => role === 'assistant').length;
    return turns === 0 || turns === before ? [last.delivered.content] : undefined;
  }
  if (!isOf(held, trailing)) return undefined;
  const { content } = last.delivered;
  // Some servers send the prefill again.
  return held.content !== '' && content.startsWith(held.content)
    ? [content]
    : [held.content, content];
}

function outputOf({ commands }: Observation): string {
  return commands.map(({ stdout }) => stdout).join('');
}

/** True when an output holds the answer, at once or part by part. */
function holds(
  output: string,
  answer: readonly string[],
  print: (text: string) => string,
): boolean {
  if (output.includes(print(answer.join('')))) return true;
  let from = 0;
  return answer.every((part) => {
    const at = output.indexOf(print(part).trim(), from);
    from = at + print(part).trim().length;
    return at >= 0;
  });
}

function occurrences(text: string, part: string): number {
  return part === '' ? 0 : text.split(part).length - 1;
}

export const noDuplicates: Check = {
  name: 'no-duplicates',
  right: 'neither sends nor shows a text twice',
  wrong: 'The client repeats text at the seam.',
  judge(seen) {
    const { sequel } = seen;
    if (sequel === undefined) return UNBROKEN;
    const { held, sent, struck, next, way } = sequel;
    const turns = next === undefined ? [struck.n] : [struck.n, next.n];
    const resent = sent !== undefined && (way === 'resume' || way === 'new-turn');
    if (resent) {
      const pairs = [
        ['content', held.content, sent.content],
        ['reasoning', held.reasoning?.text ?? '', sent.reasoning?.text ?? ''],
      ] as const;
      const wrong = pairs.find(([, own, theirs]) => compareTexts(own, theirs) === 'repeated');
      if (wrong !== undefined) return fail(`the ${wrong[0]} is sent twice`, turns);
    }
    const print = printing(seen);
    const part = print?.(held.content).trim() ?? '';
    const answer = answerOf(sequel);
    if (print !== undefined && part.length >= TELLING && answer !== undefined) {
      const shown = occurrences(outputOf(seen), part);
      const wanted = Math.max(1, occurrences(print(answer.join('')), part));
      if (shown > wanted) return fail(`the text before the break is shown ${shown} times`, turns);
      if (shown > 0) return pass('shown once', ...turns);
    }
    return resent ? pass('sent once', ...turns) : notSeen('it shows no text that could be twice');
  },
};

export const answerWhole: Check = {
  name: 'answer-whole',
  right: 'shows the whole answer',
  wrong: 'The client does not show the answer whole.',
  judge(seen) {
    const { sequel } = seen;
    if (sequel === undefined) return UNBROKEN;
    const print = printing(seen);
    if (print === undefined) return notSeen('its output does not show the answer as it was given');
    const answer =
      seen.interruption.how === 'done-missing'
        ? [sequel.struck.delivered.content]
        : answerOf(sequel);
    if (answer === undefined) return notSeen('it got no whole answer');
    if (answer.join('').trim().length < TELLING) return notSeen('the answer is too short to tell');
    const turns = [sequel.struck.n, ...sequel.later.map(({ n }) => n)];
    return holds(outputOf(seen), answer, print)
      ? pass(`all ${answer.join('').length} characters`, ...turns)
      : fail('its output does not hold the answer that it was given', turns);
  },
};
