/** What is known of a target for the record: what its server says, and what is known from launching it. */
import { sha256 } from './acquaint.ts';
import type { ConnectOptions, TargetIdentity } from './dialect.ts';

/** What the server says of itself. */
interface Known extends Pick<
  TargetIdentity,
  'dialect' | 'url' | 'model' | 'tokenizerSha256' | 'strength'
> {
  /** What launching it did not tell. */
  readonly engine: TargetIdentity['engine'];
  readonly chatTemplate: string | undefined;
}

/** The identity of a target; what is known from launching its engine counts more. */
export function identityOf(
  { engine, faults, faultSeed }: ConnectOptions,
  known: Known,
): TargetIdentity {
  const { dialect, url, model, chatTemplate, tokenizerSha256, strength } = known;
  return {
    dialect,
    url,
    model,
    engine: {
      name: engine?.name ?? known.engine.name,
      version: engine?.version ?? known.engine.version,
      build: engine?.build ?? known.engine.build,
    },
    ...(chatTemplate === undefined ? {} : { chatTemplateSha256: sha256(chatTemplate) }),
    ...(tokenizerSha256 === undefined ? {} : { tokenizerSha256 }),
    hops: [],
    ...(faults === undefined ? {} : { faults }),
    ...(faultSeed === undefined ? {} : { faultSeed }),
    ...(strength === undefined ? {} : { strength }),
  };
}

/** Stands for a tokenizer whose file cannot be read: the hash of its tokens for `TOKENIZER_PROBE`. */
export function tokenizerHash(probeIds: readonly number[]): string {
  return sha256(JSON.stringify(probeIds));
}
