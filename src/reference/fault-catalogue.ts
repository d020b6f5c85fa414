/**
 * The catalogue of faults that can be planted: what each does, who would be to blame for it on a
 * real chain of client, gateway and server, and the causes that the diagnosis must name for it.
 */
import type { Cause, Culprit } from '../diagnosis/causes.ts';

export type ClientFault =
  | 'client-drops-message'
  | 'client-trims-whitespace'
  | 'client-sends-empty'
  | 'client-omits-content'
  | 'client-misnames-reasoning'
  | 'client-breaks-character';
type TemplateFault =
  | 'prefill-dropped'
  | 'prefill-as-user'
  | 'user-continued'
  | 'header-missing'
  | 'matched-earlier'
  | 'turn-closed'
  | 'turn-ended'
  | 'eos-left'
  | 'trailing-space-stripped'
  | 'leading-space-stripped'
  | 'space-added'
  | 'inner-space-collapsed'
  | 'newline-before-close'
  | 'reasoning-lost'
  | 'thinking-closed-early'
  | 'empty-think-block'
  | 'think-tag-doubled'
  | 'thinking-reopened'
  | 'wrong-channel'
  | 'channel-wrapped'
  | 'tag-literal-parsed'
  | 'bos-doubled'
  | 'tool-call-rewritten';
export type RefusalFault =
  | 'prefill-refused'
  | 'prefill-unsupported'
  | 'tool-call-refused'
  | 'flags-refused'
  | 'roles-refused'
  | 'final-message-refused';
export type TokenizerFault =
  | 'retokenize'
  | 'spaces-merged'
  | 'newlines-merged'
  | 'punctuation-merged'
  | 'words-merged'
  | 'header-merged'
  | 'text-normalized'
  | 'dummy-prefix'
  | 'special-encoded'
  | 'character-replaced';
export type ParserFault =
  | 'content-as-reasoning'
  | 'reasoning-as-content'
  | 'prefill-echoed'
  | 'markup-leaked'
  | 'first-text-lost'
  | 'text-sent-twice'
  | 'leading-space-swallowed'
  | 'partial-char-dropped'
  | 'partial-char-broken'
  | 'deltas-lost'
  | 'tool-call-restarted'
  | 'tool-call-lost'
  | 'invalid-diff'
  | 'finish-dishonest';
type EngineFault = 'near-tie-noise' | 'stale-cache' | 'slot-busy' | 'json-restarted';
export type TransportFault =
  | 'closed-in-event'
  | 'connection-reset'
  | 'error-event'
  | 'events-glued'
  | 'stream-stalls'
  | 'stream-cut-short'
  | 'stop-masked'
  | 'events-duplicated'
  | 'events-batched'
  | 'events-split'
  | 'crlf-lines'
  | 'keep-alive-comments'
  | 'done-missing';

export type FaultName =
  | ClientFault
  | TemplateFault
  | RefusalFault
  | TokenizerFault
  | ParserFault
  | EngineFault
  | TransportFault;

export interface FaultInfo {
  /** One line of what it does. */
  readonly title: string;
  readonly culprit: Exclude<Culprit, 'unknown'>;
  /**
   * The causes that its findings may have; at least one must be found. None for what is no bug of
   * a seam: then there must be no finding at all.
   */
  readonly causes: readonly Cause[];
  /** How a run shows a fault without causes. @defaultValue `nothing` */
  readonly shows?: 'nothing' | 'unstable' | 'errors';
}

const fault = (culprit: FaultInfo['culprit'], title: string, ...causes: Cause[]): FaultInfo => ({
  culprit,
  title,
  causes,
});

/** Faults of the harness's own client side: what it sends is not what it means to send. */
const CLIENT: Readonly<Record<ClientFault, FaultInfo>> = {
  'client-drops-message': fault(
    'client',
    'the trailing assistant message is not sent',
    'client-drops-message',
  ),
  'client-trims-whitespace': fault(
    'client',
    'the texts of the trailing assistant message are trimmed before they are sent',
    'client-trims-whitespace',
  ),
  'client-sends-empty': fault(
    'client',
    'the trailing assistant message is sent without its texts',
    'client-sends-empty',
  ),
  'client-omits-content': fault(
    'client',
    'a message of reasoning alone is sent without a content field',
    'content-missing',
  ),
  'client-misnames-reasoning': fault(
    'client',
    'the reasoning is sent under a name that the server does not read',
    'reasoning-misnamed',
  ),
  'client-breaks-character': fault(
    'client',
    'a last character of several bytes is sent as U+FFFD',
    'client-breaks-character',
  ),
};

/** Faults in how a prompt is made of the messages. */
const TEMPLATE: Readonly<Record<TemplateFault, FaultInfo>> = {
  'prefill-dropped': fault(
    'gateway',
    'the trailing assistant message is ignored',
    'prefill-dropped',
  ),
  'prefill-as-user': fault(
    'template',
    'the trailing assistant message is rendered as a user’s',
    'prefill-as-user',
  ),
  'user-continued': fault(
    'template',
    'the trailing assistant message is taken off and the user’s text is continued',
    'user-continued',
  ),
  'header-missing': fault(
    'template',
    'an empty trailing assistant message takes the generation prompt away',
    'header-missing',
  ),
  'matched-earlier': fault(
    'template',
    'the prompt ends where the text of the trailing message first occurs in the conversation',
    'matched-earlier',
  ),
  'turn-closed': fault(
    'template',
    'the trailing assistant turn is closed and a new turn is opened',
    'turn-reopened',
  ),
  'turn-ended': fault(
    'template',
    'the trailing assistant turn is closed and nothing is opened',
    'turn-closed',
  ),
  'eos-left': fault(
    'template',
    'the end-of-turn token is left on after the prefill',
    'turn-closed',
  ),
  'trailing-space-stripped': fault(
    'template',
    'white space at the end of the trailing assistant message is removed',
    'trailing-whitespace-trimmed',
  ),
  'leading-space-stripped': fault(
    'template',
    'white space at the start of the trailing message’s texts is removed',
    'leading-whitespace-trimmed',
  ),
  'space-added': fault(
    'template',
    'a space is added at the end of the trailing assistant message',
    'whitespace-added',
  ),
  'inner-space-collapsed': fault(
    'template',
    'runs of white space inside the trailing message’s texts are cut down to their first character',
    'whitespace-changed',
  ),
  'newline-before-close': fault(
    'template',
    'an extra line break is put before </think> in a resumed prompt',
    'separator-rebuilt',
  ),
  'reasoning-lost': fault(
    'template',
    'the reasoning of the trailing assistant message is left out',
    'reasoning-dropped',
  ),
  'thinking-closed-early': fault(
    'template',
    'the thinking is closed although its text goes on',
    'thinking-closed-early',
  ),
  'empty-think-block': fault(
    'template',
    'an empty think block is put before a message without reasoning',
    'empty-think-block',
  ),
  'think-tag-doubled': fault('template', '<think> is opened twice', 'think-tag-doubled'),
  'thinking-reopened': fault(
    'template',
    'a second <think> is opened after thinking was closed, or before the content',
    'thinking-reopened',
  ),
  'wrong-channel': fault(
    'template',
    'the think tag before the reasoning is left out, so that thoughts are continued as an answer',
    'wrong-channel',
  ),
  'channel-wrapped': fault(
    'template',
    'a channel header is wrapped around the content',
    'channel-header-added',
  ),
  'tag-literal-parsed': fault(
    'template',
    'content that holds a literal </think> is split there, as if it were the tag',
    'tag-literal-parsed',
  ),
  'bos-doubled': fault(
    'template',
    'a resumed prompt begins with the BOS token twice',
    'bos-doubled',
  ),
  'tool-call-rewritten': fault(
    'template',
    'the open tool call is closed and its arguments are written without spaces',
    'tool-call-rewritten',
  ),
};

/** Resumes that the server refuses, in the words of real servers. */
const REFUSALS: Readonly<Record<RefusalFault, FaultInfo>> = {
  'prefill-refused': fault(
    'engine',
    'any trailing assistant message is refused with HTTP 400',
    'prefill-refused-thinking',
  ),
  'prefill-unsupported': fault(
    'engine',
    'the conversation must end with a user message',
    'prefill-unsupported',
  ),
  'tool-call-refused': fault(
    'template',
    'a trailing assistant message with tool calls is refused',
    'tool-call-refused',
  ),
  'flags-refused': fault('client', 'the continuation flags are refused', 'flags-refused'),
  'roles-refused': fault(
    'template',
    'the template refuses an assistant message at the end: roles must alternate',
    'roles-refused',
  ),
  'final-message-refused': fault(
    'template',
    'the final message is not found in the render, and the resume is refused',
    'final-message-missing',
  ),
};

/** The same text in other tokens. */
const TOKENIZER: Readonly<Record<TokenizerFault, FaultInfo>> = {
  retokenize: fault(
    'tokenizer',
    'prompt texts are encoded from scratch: the tokens that were generated are forgotten',
    'retokenized',
    'space-run',
    'newline-run',
    'punctuation-newline',
    'header-merged',
  ),
  'spaces-merged': fault(
    'tokenizer',
    'runs of spaces that the model wrote in two tokens are merged into one',
    'space-run',
  ),
  'newlines-merged': fault(
    'tokenizer',
    'runs of line breaks that the model wrote in two tokens are merged into one',
    'newline-run',
  ),
  'punctuation-merged': fault(
    'tokenizer',
    'punctuation and line breaks that the model wrote in two tokens are merged into one',
    'punctuation-newline',
  ),
  'words-merged': fault(
    'tokenizer',
    'words that the model wrote in pieces are merged into one token',
    'retokenized',
  ),
  'header-merged': fault(
    'tokenizer',
    'a line break at the start of the prefill merges with the one that ends the header',
    'header-merged',
  ),
  'text-normalized': fault(
    'tokenizer',
    'the prefill is normalized (NFC) before it is encoded',
    'text-normalized',
  ),
  'dummy-prefix': fault(
    'tokenizer',
    'the prefill is encoded with a space before it',
    'dummy-prefix',
  ),
  'special-encoded': fault(
    'tokenizer',
    'text that looks like a control token is encoded as one',
    'special-literal',
  ),
  'character-replaced': fault(
    'tokenizer',
    'the last character of the prefill is decoded in part: U+FFFD stands in its place',
    'mid-character',
  ),
};

/** Right tokens, wrong messages. */
const PARSER: Readonly<Record<ParserFault, FaultInfo>> = {
  'content-as-reasoning': fault(
    'parser',
    'content of a resumed stream is labelled as reasoning',
    'content-as-reasoning',
  ),
  'reasoning-as-content': fault(
    'parser',
    'reasoning of a resumed stream is labelled as content',
    'reasoning-as-content',
  ),
  'prefill-echoed': fault(
    'parser',
    'a resumed stream begins by sending the prefill again',
    'prefill-echoed',
  ),
  'markup-leaked': fault(
    'parser',
    'a resumed stream begins with the think tag as text',
    'markup-leaked',
  ),
  'first-text-lost': fault(
    'parser',
    'the first word of a resumed stream is held back and lost',
    'text-lost',
  ),
  'text-sent-twice': fault(
    'parser',
    'the first word of a resumed stream is held back and sent twice',
    'text-repeated',
  ),
  'leading-space-swallowed': fault(
    'parser',
    'white space at the start of a resumed stream is swallowed',
    'leading-whitespace-swallowed',
  ),
  'partial-char-dropped': fault(
    'parser',
    'the first character of a resumed stream that takes several tokens is lost',
    'character-dropped',
  ),
  'partial-char-broken': fault(
    'parser',
    'the first character of a resumed stream that takes several tokens arrives as U+FFFD',
    'character-broken',
  ),
  'deltas-lost': fault(
    'parser',
    'the tokens of a resumed stream yield no delta at all',
    'deltas-missing',
  ),
  'tool-call-restarted': fault(
    'parser',
    'an open tool call is started anew in a resumed stream',
    'tool-call-restarted',
  ),
  'tool-call-lost': fault('parser', 'the rest of an open tool call is not sent', 'tool-call-lost'),
  'invalid-diff': fault(
    'parser',
    'a resumed stream fails with “Invalid diff” in the middle',
    'stream-parse-error',
  ),
  'finish-dishonest': fault(
    'parser',
    'a resumed stream says length when it has come to its end',
    'finish-dishonest',
  ),
};

const ENGINE: Readonly<Record<EngineFault, FaultInfo>> = {
  'near-tie-noise': {
    ...fault(
      'engine',
      'some positions nearly tie and fall one way or the other from request to request',
    ),
    shows: 'unstable',
  },
  'stale-cache': fault(
    'engine',
    'a resumed chat goes on from the state of another prompt',
    'continuation-differs',
  ),
  'json-restarted': fault(
    'engine',
    'with a response format, JSON that is begun in the prefill is begun again',
    'json-restarted',
  ),
  'slot-busy': {
    ...fault('engine', 'after a disconnect the next chat request is answered with HTTP 503'),
    shows: 'errors',
  },
};

/** What happens to the bytes of a stream; those without a cause are legal and must not matter. */
const TRANSPORT: Readonly<Record<TransportFault, FaultInfo>> = {
  'closed-in-event': fault(
    'transport',
    'a resumed stream is closed in the middle of an event',
    'stream-truncated',
  ),
  'connection-reset': fault(
    'transport',
    'the connection of a resumed stream is reset',
    'stream-reset',
  ),
  'error-event': fault(
    'transport',
    'a resumed stream ends with an error event after HTTP 200',
    'stream-error',
  ),
  'events-glued': fault(
    'transport',
    'two events of a resumed stream are glued into one',
    'stream-garbled',
  ),
  'stream-stalls': fault('transport', 'a resumed stream falls silent', 'stream-stalled'),
  'stream-cut-short': fault(
    'transport',
    'a resumed stream ends cleanly, without finish reason and [DONE]',
    'stream-cut-short',
  ),
  'stop-masked': fault(
    'gateway',
    'a resumed stream breaks off, and its end is made up: finish reason stop',
    'stopped-early',
  ),
  'events-duplicated': fault(
    'transport',
    'a retry sends events of a resumed stream a second time',
    'events-duplicated',
  ),
  'events-batched': fault('transport', 'legal: several events arrive in one chunk'),
  'events-split': fault('transport', 'legal: events and characters are split across chunks'),
  'crlf-lines': fault('transport', 'legal: lines end in CR LF'),
  'keep-alive-comments': fault('transport', 'legal: comments stand between the events'),
  'done-missing': fault('transport', 'legal: the stream ends without [DONE]'),
};

/** Every fault that can be planted. */
export const FAULTS: Readonly<Record<FaultName, FaultInfo>> = {
  ...CLIENT,
  ...TEMPLATE,
  ...REFUSALS,
  ...TOKENIZER,
  ...PARSER,
  ...ENGINE,
  ...TRANSPORT,
};
