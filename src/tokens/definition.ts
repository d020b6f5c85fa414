/** The parts of a `tokenizer.json` that we read ourselves, and two repairs for its JavaScript reader. */

/** One component: a normalizer, pre-tokenizer or decoder; a `Sequence` holds others. */
export interface Component {
  readonly type: string;
  readonly [field: string]: unknown;
}

interface AddedToken {
  readonly id: number;
  readonly content: string;
  readonly special: boolean;
  readonly lstrip?: boolean;
  readonly rstrip?: boolean;
}

export interface Definition {
  readonly normalizer: Component | null;
  readonly pre_tokenizer: Component | null;
  readonly post_processor: Component | null;
  readonly decoder: Component | null;
  readonly added_tokens: readonly AddedToken[];
  readonly model: {
    readonly type?: string;
    /** Token → id for BPE; id → [token, score] for Unigram. */
    readonly vocab: Readonly<Record<string, number>> | readonly (readonly [string, number])[];
    readonly byte_fallback?: boolean;
    readonly ignore_merges?: boolean;
  };
}

/** The components of a tree in their order, sequences opened. */
export function flatten(component: Component | null): Component[] {
  if (component === null) return [];
  const inner = component['normalizers'] ?? component['pretokenizers'] ?? component['decoders'];
  return component.type === 'Sequence' && Array.isArray(inner)
    ? (inner as Component[]).flatMap(flatten)
    : [component];
}

/** What `ByteLevel` splits by when it is asked to split: the pattern of GPT-2. */
const GPT2 = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";

/**
 * The same definition, put so that @huggingface/tokenizers 0.2 reads it as the Rust library does:
 * - its built-in GPT-2 pattern takes U+0085 and U+FEFF for something else; as a `Split` it is right;
 * - it ignores that `Metaspace` splits before each `▁`.
 */
export function repaired(definition: Definition): Definition {
  const stages = flatten(definition.pre_tokenizer).flatMap(repairedStage);
  const [only] = stages;
  if (only === undefined) return definition;
  return {
    ...definition,
    pre_tokenizer: stages.length === 1 ? only : { type: 'Sequence', pretokenizers: stages },
  };
}

function repairedStage(stage: Component): Component[] {
  if (
    stage.type === 'ByteLevel' &&
    stage['use_regex'] !== false &&
    stage['add_prefix_space'] !== true
  )
    return [split(GPT2), { ...stage, use_regex: false }];
  if (
    stage.type === 'Metaspace' &&
    stage['split'] !== false &&
    (stage['replacement'] ?? '▁') === '▁'
  )
    return [{ ...stage, split: false }, split('▁[^▁]*|[^▁]+')];
  return [stage];
}

function split(pattern: string): Component {
  return { type: 'Split', pattern: { Regex: pattern }, behavior: 'Isolated', invert: false };
}
