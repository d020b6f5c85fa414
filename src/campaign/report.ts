/** Makes the finding of a group: its summary, its minimal example, and how to reproduce it. */
import type { JudgedSeam } from '../checks/seam.ts';
import { CAUSES } from '../diagnosis/causes.ts';
import { promptDifference } from '../diagnosis/diagnose.ts';
import type { SentRequest, TargetIdentity } from '../dialects/dialect.ts';
import type { KeyHeader } from '../wire/key.ts';
import {
  SCHEMA_VERSION,
  type Finding,
  type MinimalExample,
  type StoredGeneration,
} from '../reports/record.ts';
import { packed, unpacked } from '../seam/candidates.ts';
import type { Delta, Generation } from '../seam/generation.ts';
import { visible } from '../tokens/text.ts';
import { describeRefusal } from '../wire/refusal.ts';
import type { Group } from './findings.ts';

/** @param path where the finding's file will be, relative to the working folder */
export function findingOf(group: Group, target: TargetIdentity, path: string): Finding {
  const { seam, named, pauses, fuzz } = group.minimal;
  const { culprit } = CAUSES[named.cause];
  return {
    schemaVersion: SCHEMA_VERSION,
    id: group.id,
    check: seam.check ?? 'prompt',
    verdict: group.verdict,
    cause: named.cause,
    culprit,
    detail: named.detail,
    phase: seam.phase,
    strategy: seam.plan.strategy.name,
    count: group.count,
    where: [...group.where.values()].toSorted((a, b) => b.count - a.count),
    scenarios: [...group.scenarios].toSorted(),
    cuts: { first: group.firstCut, last: group.lastCut },
    summary: summaryOf(seam, CAUSES[named.cause].title),
    minimal: minimalOf(seam, pauses),
    replay: { command: `seamstress replay ${path}`, curl: seam.requests.map(curlOf) },
    target,
    ...(fuzz === undefined ? {} : { fuzz }),
  };
}

function summaryOf(seam: JudgedSeam, title: string): string {
  if (seam.refusal !== undefined) return `${title} ${describeRefusal(seam.refusal)}`;
  const difference = promptDifference(seam);
  if (difference !== undefined && difference.removed !== difference.inserted)
    return `${title} Wanted ${quote(difference.removed)}, got ${quote(difference.inserted)}.`;
  if (seam.shape?.problem !== undefined)
    return `${title} Wanted ${quote(seam.shape.expected)}, got ${quote(seam.shape.actual)}.`;
  return title;
}

function quote(text: string): string {
  const shown = visible(text.slice(0, 40));
  return text === '' ? 'nothing' : `“${shown}${text.length > 40 ? '…' : ''}”`;
}

function minimalOf(seam: JudgedSeam, pauses: readonly number[]): MinimalExample {
  const { subject, k, way } = seam.plan;
  const difference = promptDifference(seam);
  const shape = seam.shape?.problem === undefined ? undefined : seam.shape;
  return {
    scenario: subject.generation.scenario,
    k,
    pauses,
    way,
    view: seam.view,
    expected: {
      ids: seam.prompt?.expected ?? [],
      text: shape?.expected ?? difference?.expected ?? '',
    },
    actual: {
      ids: seam.prompt?.actual ?? [],
      text: shape?.actual ?? difference?.actual ?? seam.refusal?.message ?? '',
    },
    ...(seam.prompt?.at === undefined ? {} : { at: seam.prompt.at }),
    generation: storeGeneration(subject.generation),
    requests: seam.requests,
  };
}

/** A generation as JSON. */
export function storeGeneration(generation: Generation): StoredGeneration {
  return {
    promptIds: generation.promptIds,
    ...(generation.promptText === undefined ? {} : { promptText: generation.promptText }),
    tokens: generation.tokens.map((token) => ({
      id: token.id,
      bytes: Buffer.from(token.bytes).toString('base64'),
      phase: token.phase,
      ...(token.logprob === undefined ? {} : { logprob: token.logprob }),
      ...(token.top === undefined ? {} : { top: unpacked(token.top) }),
    })),
    length: generation.length,
    ...(generation.finish === undefined ? {} : { finish: generation.finish }),
    deltas: generation.deltas,
    synthetic: generation.synthetic,
    ...(generation.counts === undefined ? {} : { counts: generation.counts }),
  };
}

/** A generation from JSON; the inverse of `storeGeneration`. */
export function restoreGeneration({ scenario, generation }: MinimalExample): Generation {
  return {
    scenario,
    promptIds: generation.promptIds,
    promptText: generation.promptText,
    tokens: generation.tokens.map((token) => ({
      id: token.id,
      bytes: new Uint8Array(Buffer.from(token.bytes, 'base64')),
      phase: token.phase,
      ...(token.logprob === undefined ? {} : { logprob: token.logprob }),
      ...(token.top === undefined ? {} : { top: packed(token.top) }),
    })),
    length: generation.length,
    finish: generation.finish,
    deltas: generation.deltas as readonly Delta[],
    synthetic: generation.synthetic,
    ...(generation.counts === undefined ? {} : { counts: generation.counts }),
  };
}

/** Headers with a key, for a shell that knows it. */
const KEYS: Readonly<Record<KeyHeader, string>> = {
  authorization: '"authorization: Bearer $SEAMSTRESS_API_KEY"',
  'x-api-key': '"x-api-key: $SEAMSTRESS_API_KEY"',
};

/** A request as a curl line for a POSIX shell; a key stands there by its variable's name. */
export function curlOf(request: SentRequest): string {
  const data =
    request.body === undefined
      ? ''
      : ` -H 'content-type: application/json' -d ${shellQuote(asciiJson(request.body))}`;
  const key = request.keyHeader === undefined ? '' : ` -H ${KEYS[request.keyHeader]}`;
  return `curl -s ${shellQuote(request.url)}${key}${data}`;
}

/** JSON without a character that a terminal or an editor could alter on the way. */
function asciiJson(value: unknown): string {
  return JSON.stringify(value).replaceAll(
    /[^\x20-\x7e]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

function shellQuote(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}
