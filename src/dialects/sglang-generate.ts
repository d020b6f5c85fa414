/** SGLang's native `/generate`: it goes on from ids, and tells every id with candidates. */
import { bestFirst, packed } from '../seam/candidates.ts';
import type { TokenEvent } from '../seam/generation.ts';
import type { Usage } from './dialect.ts';
import { asArray, asIds, asNumber, asObject, asString } from './json.ts';
import { tokenEvent } from './openai.ts';
import { NO_BYTES } from './served-tokenizer.ts';

export const GENERATE = '/generate';

/** What `/generate` tells. */
interface Continuation {
  readonly tokens: TokenEvent[];
  readonly finish: string | undefined;
  /** The last token ended the generation. */
  readonly ended: boolean;
  readonly usage: Usage;
}

/** Undefined when an answer of `/generate` has no ids. */
export function continuation(body: unknown): Continuation | undefined {
  const answer = asObject(body);
  const meta = asObject(answer?.['meta_info']);
  const own = asArray(meta?.['output_token_logprobs']).map(readTuple);
  const ids =
    asIds(answer?.['output_ids']) ??
    (own.length === 0 ? undefined : asIds(own.map((one) => one?.id)));
  if (ids === undefined || meta === undefined) return undefined;
  const tops = asArray(meta['output_top_logprobs']);
  const reason = asObject(meta['finish_reason']);
  const finish = asString(reason?.['type']);
  return {
    tokens: ids.map((id, i) => {
      const logprob = own[i]?.id === id ? own[i].logprob : undefined;
      const top = asArray(tops[i]).flatMap((one) => readTuple(one) ?? []);
      return tokenEvent(id, NO_BYTES, logprob, bestFirst(packed(top)));
    }),
    finish,
    ended: finish === 'stop' && typeof reason?.['matched'] !== 'string',
    usage: {
      promptTokens: asNumber(meta['prompt_tokens']),
      cachedTokens: asNumber(meta['cached_tokens']),
    },
  };
}

/** `[log-probability, id, text]`; the text is `null` where it was not asked for. */
function readTuple(value: unknown): { id: number; logprob: number } | undefined {
  const [logprob, id] = asArray(value).map(asNumber);
  return id === undefined || logprob === undefined ? undefined : { id, logprob };
}
