/**
 * The catalogue of causes: what goes wrong at a seam, whose fault it is, and what would be right.
 * The evidence leads to one of these, or to `unexplained`; never to a guess.
 */

/** Who has to change something. */
export const CULPRITS = [
  'client',
  'gateway',
  'template',
  'tokenizer',
  'parser',
  'engine',
  'transport',
  'unknown',
] as const;
export type Culprit = (typeof CULPRITS)[number];

export interface CauseEntry {
  readonly culprit: Culprit;
  /** One line that a maintainer can act on. */
  readonly title: string;
}

const entry = (culprit: Culprit, title: string): CauseEntry => ({ culprit, title });

/** Every cause that the diagnosis can name. */
export const CAUSE_NAMES = [
  'client-drops-reasoning',
  'client-drops-message',
  'client-sends-empty',
  'client-trims-whitespace',
  'client-breaks-character',
  'reasoning-misnamed',
  'content-missing',
  'prefill-dropped',
  'header-missing',
  'turn-reopened',
  'turn-closed',
  'reasoning-dropped',
  'empty-think-block',
  'think-tag-doubled',
  'thinking-reopened',
  'thinking-closed-early',
  'separator-rebuilt',
  'leading-whitespace-trimmed',
  'trailing-whitespace-trimmed',
  'whitespace-added',
  'whitespace-changed',
  'bos-doubled',
  'tool-call-rewritten',
  'prefill-as-user',
  'user-continued',
  'matched-earlier',
  'wrong-channel',
  'channel-header-added',
  'tag-literal-parsed',
  'final-message-missing',
  'prefill-refused-thinking',
  'tool-call-refused',
  'whitespace-refused',
  'prefill-unsupported',
  'flags-refused',
  'roles-refused',
  'route-missing',
  'replay-missing',
  'resume-refused',
  'space-run',
  'newline-run',
  'punctuation-newline',
  'retokenized',
  'special-literal',
  'header-merged',
  'text-normalized',
  'dummy-prefix',
  'mid-character',
  'prefill-echoed',
  'content-as-reasoning',
  'reasoning-as-content',
  'text-lost',
  'text-repeated',
  'character-broken',
  'markup-leaked',
  'tool-call-restarted',
  'finish-dishonest',
  'leading-whitespace-swallowed',
  'character-dropped',
  'deltas-missing',
  'tool-call-lost',
  'whole-differs',
  'stream-parse-error',
  'stream-truncated',
  'stream-reset',
  'stream-error',
  'stream-garbled',
  'stream-stalled',
  'stream-cut-short',
  'stopped-early',
  'events-duplicated',
  'replay-differs',
  'json-restarted',
  'json-broken',
  'continuation-differs',
  'answered-anew',
  'prompt-count-differs',
  'text-differs',
  'unexplained',
] as const;
export type Cause = (typeof CAUSE_NAMES)[number];

/** Culprit and title of each cause. */
export const CAUSES: Readonly<Record<Cause, CauseEntry>> = {
  // client
  'client-drops-reasoning': entry(
    'client',
    'The strategy sends no reasoning, so the model is asked to go on without what it thought.',
  ),
  'client-drops-message': entry(
    'client',
    'The client does not send the trailing assistant message, although it holds text.',
  ),
  'client-sends-empty': entry(
    'client',
    'The client sends an empty trailing assistant message, although it holds text.',
  ),
  'client-trims-whitespace': entry(
    'client',
    'The client trims whitespace from the text before it sends it back.',
  ),
  'client-breaks-character': entry(
    'client',
    'The client sends U+FFFD where the cut split a character: it must hold bytes back until the character is whole.',
  ),
  'reasoning-misnamed': entry(
    'client',
    'The client sends the reasoning under a name that the server does not read.',
  ),
  'content-missing': entry(
    'client',
    'The client sends a message of reasoning alone without a content field: send content as an empty text beside it.',
  ),
  // template
  'prefill-dropped': entry(
    'template',
    'The trailing assistant message is dropped: the prompt ends where it ended before the cut.',
  ),
  'header-missing': entry(
    'template',
    'The prompt ends without the assistant header: an empty prefill takes the generation prompt away.',
  ),
  'turn-reopened': entry(
    'template',
    'The assistant turn is closed and a new one is opened after it.',
  ),
  'turn-closed': entry('template', 'The assistant turn is closed after the prefill.'),
  'reasoning-dropped': entry('template', 'The reasoning of the prefill is dropped.'),
  'empty-think-block': entry('template', 'An empty think block is put before the prefill.'),
  'think-tag-doubled': entry('template', 'The think tag is opened a second time.'),
  'thinking-reopened': entry('template', 'The thinking is opened again after it was closed.'),
  'thinking-closed-early': entry('template', 'The thinking is closed before its text ended.'),
  'separator-rebuilt': entry(
    'template',
    'The whitespace around the end of the thinking is not what the model wrote.',
  ),
  'leading-whitespace-trimmed': entry(
    'template',
    'Whitespace at the start of the prefill is trimmed.',
  ),
  'trailing-whitespace-trimmed': entry(
    'template',
    'Whitespace at the end of the prefill is trimmed.',
  ),
  'whitespace-added': entry('template', 'Whitespace is added that the model did not write.'),
  'whitespace-changed': entry(
    'template',
    'Whitespace in the middle of the text is not what the model wrote.',
  ),
  'bos-doubled': entry(
    'template',
    'The prompt starts with one more beginning-of-sequence token than before the cut.',
  ),
  'tool-call-rewritten': entry(
    'template',
    'The tool call of the prefill is written in another form than the model wrote it.',
  ),
  'prefill-as-user': entry(
    'template',
    'The trailing assistant message is rendered in the turn of another role.',
  ),
  'user-continued': entry(
    'template',
    'The trailing assistant message is gone and the user’s turn is left open: the model goes on with the user’s text.',
  ),
  'matched-earlier': entry(
    'template',
    'The prompt ends inside an earlier turn, where the same text as the prefill occurs first.',
  ),
  'wrong-channel': entry(
    'template',
    'A think tag of the prefill is left out, so that it is continued in the wrong channel.',
  ),
  'channel-header-added': entry(
    'template',
    'A channel header is put into the prefill that the model did not write.',
  ),
  'tag-literal-parsed': entry('template', 'A literal think tag in the content is read as markup.'),
  'final-message-missing': entry(
    'template',
    'The server refuses the resume: its template does not show the final message as it was sent.',
  ),
  'prefill-refused-thinking': entry(
    'template',
    'The server refuses every trailing assistant message on a thinking template.',
  ),
  'tool-call-refused': entry(
    'template',
    'The server refuses to continue a message that contains tool calls.',
  ),
  'whitespace-refused': entry(
    'engine',
    'The server refuses a message that ends in whitespace, where the model may well have been stopped.',
  ),
  'prefill-unsupported': entry(
    'engine',
    'The server does not support a trailing assistant message.',
  ),
  'flags-refused': entry('client', 'The server refuses this combination of continuation flags.'),
  'roles-refused': entry('template', 'The template refuses the order of the roles.'),
  'route-missing': entry(
    'engine',
    'The server does not have the API by which the resume was sent.',
  ),
  'replay-missing': entry(
    'engine',
    'The server does not keep the stream that was cut: there is nothing to replay.',
  ),
  'resume-refused': entry('engine', 'The server refuses the resume.'),
  // tokenizer
  'space-run': entry(
    'tokenizer',
    'A run of spaces is merged into other tokens when the text is encoded again.',
  ),
  'newline-run': entry(
    'tokenizer',
    'A run of line breaks is merged into other tokens when the text is encoded again.',
  ),
  'punctuation-newline': entry(
    'tokenizer',
    'Punctuation and a line break are merged into one token when the text is encoded again.',
  ),
  retokenized: entry(
    'tokenizer',
    'The same text is encoded into other tokens than the model wrote.',
  ),
  'special-literal': entry('tokenizer', 'Text that looks like a control token is encoded as one.'),
  'header-merged': entry(
    'tokenizer',
    'The start of the prefill is merged with the last token of the assistant header.',
  ),
  'text-normalized': entry(
    'tokenizer',
    'The prefill is normalized before it is encoded, which changes its text.',
  ),
  'dummy-prefix': entry('tokenizer', 'Encoding the prefill adds or loses a space at its start.'),
  'mid-character': entry(
    'tokenizer',
    'A character at the seam stands as U+FFFD in the prompt: ids were decoded inside a character.',
  ),
  // parser
  'prefill-echoed': entry('parser', 'The resumed stream sends the prefill again.'),
  'content-as-reasoning': entry('parser', 'Resumed content arrives as reasoning.'),
  'reasoning-as-content': entry('parser', 'Resumed reasoning arrives as content.'),
  'text-lost': entry('parser', 'Text of the resumed stream is lost.'),
  'text-repeated': entry('parser', 'Text of the resumed stream is sent twice.'),
  'character-broken': entry('parser', 'A character at the seam arrives broken.'),
  'markup-leaked': entry('parser', 'The think tags of the prompt arrive as text of the answer.'),
  'tool-call-restarted': entry(
    'parser',
    'The open tool call is started anew instead of continued.',
  ),
  'finish-dishonest': entry(
    'parser',
    'The resumed stream states another finish reason than the uninterrupted one.',
  ),
  'leading-whitespace-swallowed': entry(
    'parser',
    'Whitespace at the start of the resumed text is swallowed.',
  ),
  'character-dropped': entry(
    'parser',
    'A character of the resumed stream whose bytes lie in several tokens is lost.',
  ),
  'deltas-missing': entry(
    'parser',
    'The resumed stream generates tokens but sends no delta for them.',
  ),
  'tool-call-lost': entry('parser', 'The rest of the open tool call is not sent.'),
  'whole-differs': entry(
    'parser',
    'The whole answer to a resume is not the message that the same resume streams.',
  ),
  'stream-parse-error': entry(
    'parser',
    'The server’s parser fails on the resumed stream and ends it with an error.',
  ),
  // transport
  'stream-truncated': entry('transport', 'The resumed stream is closed in the middle of an event.'),
  'stream-reset': entry('transport', 'The connection of the resumed stream is lost.'),
  'stream-error': entry('transport', 'The resumed stream ends with an error event after HTTP 200.'),
  'stream-garbled': entry(
    'transport',
    'The resumed stream holds something that is no event of the API.',
  ),
  'stream-stalled': entry('transport', 'The resumed stream falls silent before it has ended.'),
  'stream-cut-short': entry(
    'transport',
    'The resumed stream ends cleanly but without a finish reason and [DONE]: it is no finished answer.',
  ),
  'stopped-early': entry(
    'transport',
    'The resumed stream states a finish reason before the answer is over: something between model and client ended it and made up the reason.',
  ),
  'events-duplicated': entry(
    'transport',
    'Events of the resumed stream are sent a second time, as a retry does that starts over.',
  ),
  'replay-differs': entry(
    'transport',
    'What was read before the cut and the server’s replay from there on are not the stream that was cut.',
  ),
  // engine
  'json-restarted': entry(
    'engine',
    'The JSON is begun again behind the prefilled part: the grammar of the response format does not know what was prefilled.',
  ),
  'json-broken': entry(
    'engine',
    'With the response format, what is held and what is added are not one JSON value that fits the schema.',
  ),
  'continuation-differs': entry(
    'engine',
    'The prompt is right, and so is a resume by token ids, but the chat resume generates something else.',
  ),
  // servers that tell no token ids
  'answered-anew': entry(
    'template',
    'The server does not go on with the message: it answers again from the beginning.',
  ),
  'prompt-count-differs': entry(
    'unknown',
    'The resumed prompt does not have as many tokens as the prompt and what was kept; this server does not show its prompts.',
  ),
  'text-differs': entry(
    'unknown',
    'The resumed text is not the one that follows in the uninterrupted run; without token ids, prompt and engine cannot be told apart.',
  ),
  unexplained: entry('unknown', 'The seam fails in a way that fits no known cause.'),
};

/** What the evidence of one seam leads to. */
export interface Named {
  readonly cause: Cause;
  /** What tells two seams with the same cause apart, e.g. which whitespace was added; may be empty. */
  readonly detail: string;
}
