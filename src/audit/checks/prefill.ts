/** Is what the client sends back what it was given? */
import type { Cause } from '../../diagnosis/causes.ts';
import { around, compareTexts, hasEdges, type Difference } from '../compare.ts';
import type { ReasoningField } from '../conversation.ts';
import type { Sequel } from '../sequel.ts';
import { fail, notSeen, pass, UNBROKEN, type Check, type Judgement } from './check.ts';

/** One text of a message, received and sent back. */
interface Part {
  readonly what: 'reasoning' | 'content' | 'arguments';
  readonly held: string;
  readonly sent: string;
  readonly difference: Difference;
}

/** What was sent back as a prefill; undefined where nothing was. */
function partsOf(sequel: Sequel | undefined): Part[] | undefined {
  if (sequel?.sent === undefined || sequel.way !== 'resume') return undefined;
  const { held, sent } = sequel;
  const part = (what: Part['what'], own: string, theirs: string): Part => {
    const difference = compareTexts(own, theirs);
    // Between think tags the whitespace at the edges is the markup's.
    const markup =
      what === 'reasoning' && sent.reasoning?.field === 'inline' && difference === 'trimmed';
    return { what, held: own, sent: theirs, difference: markup ? 'equal' : difference };
  };
  return [
    ...(sent.reasoning === undefined
      ? []
      : [part('reasoning', held.reasoning?.text ?? '', sent.reasoning.text)]),
    part('content', held.content, sent.content),
    ...held.calls.map((call, i) =>
      part('arguments', call.arguments, sent.calls[i]?.arguments ?? ''),
    ),
  ];
}

const CAUSE_OF: Partial<Readonly<Record<Difference, Cause>>> = {
  trimmed: 'client-trims-whitespace',
  broken: 'client-breaks-character',
};

const WORDS: Readonly<Record<Difference, string>> = {
  equal: 'the same',
  trimmed: 'trimmed',
  dropped: 'dropped',
  repeated: 'sent twice',
  'cut-short': 'cut short',
  broken: 'broken inside a character',
  altered: 'altered',
};

function differs(sequel: Sequel, { what, held, sent, difference }: Part): Judgement {
  return fail(`the ${what} is ${WORDS[difference]}`, shown(sequel), {
    cause: CAUSE_OF[difference],
    texts: around(held, sent),
  });
}

function shown({ struck, next }: Sequel): number[] {
  return next === undefined ? [struck.n] : [struck.n, next.n];
}

const NO_PREFILL = 'it sent no trailing assistant message of its own';

/** Byte for byte, the reasoning only where it is sent at all. */
export const prefillWhole: Check = {
  name: 'prefill-whole',
  right: 'sends back what it was given, byte for byte',
  wrong: 'The client does not send back what it was given.',
  judge({ sequel }) {
    if (sequel === undefined) return UNBROKEN;
    const parts = partsOf(sequel);
    if (parts === undefined) return notSeen(NO_PREFILL);
    const wrong = parts.find((part) => part.difference !== 'equal');
    if (wrong !== undefined) return differs(sequel, wrong);
    const told = parts
      .filter(({ held }) => held !== '')
      .map(({ what, held }) => `${held.length} characters of ${what}`);
    return pass(told.join(' and '), ...shown(sequel));
  },
};

export const edgeWhitespace: Check = {
  name: 'edge-whitespace',
  right: 'keeps whitespace at the start and the end of a text',
  wrong: 'The client trims whitespace from the text that it sends back.',
  judge({ sequel }) {
    if (sequel === undefined) return UNBROKEN;
    const parts = partsOf(sequel);
    if (parts === undefined) return notSeen(NO_PREFILL);
    const wrong = parts.find((part) => part.difference === 'trimmed');
    if (wrong !== undefined) return differs(sequel, wrong);
    const kept = parts.filter(({ held, difference }) => hasEdges(held) && difference === 'equal');
    return kept.length === 0
      ? notSeen('no text that it sent back has whitespace at an edge')
      : pass(
          `whitespace at the edges of the ${kept.map(({ what }) => what).join(' and ')} is kept`,
          ...shown(sequel),
        );
  },
};

/** The names under which a server that streams the first is known to read it. */
const READ_AS: Readonly<Record<ReasoningField, readonly ReasoningField[]>> = {
  reasoning_content: ['reasoning_content', 'inline'],
  reasoning: ['reasoning', 'reasoning_content', 'inline'],
  reasoning_text: ['reasoning_text', 'inline'],
  thinking: ['thinking'],
  inline: ['inline', 'reasoning_content'],
};

export const reasoningKept: Check = {
  name: 'reasoning-kept',
  right: 'sends the reasoning back, in a field that the server reads',
  wrong: 'The client does not send the reasoning back.',
  judge({ sequel }) {
    if (sequel === undefined) return UNBROKEN;
    const { held, sent, way } = sequel;
    if (held.reasoning === undefined) return notSeen('it was given no reasoning');
    if (sent === undefined || way === 'empty') return notSeen('it sent nothing of the answer back');
    const { text, field } = held.reasoning;
    if (sent.reasoning === undefined)
      return way === 'resume'
        ? fail(`${text.length} characters of reasoning are dropped`, shown(sequel), {
            cause: 'client-drops-reasoning',
          })
        : notSeen('it closed the turn, where templates drop the reasoning themselves');
    const as = sent.reasoning.field;
    return READ_AS[field].includes(as)
      ? pass(`in ${as === 'inline' ? 'the content, between think tags' : as}`, ...shown(sequel))
      : fail(`it came in ${field} and is sent in ${as}`, shown(sequel), {
          cause: 'reasoning-misnamed',
        });
  },
};
