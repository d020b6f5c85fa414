/**
 * What constrains an answer where an API has no field for it. Such a request is not sent: without
 * its schema a scenario would be another one, and its verdicts would say nothing.
 */
import { SeamstressError } from '../errors.ts';
import type { ChatRequest } from './dialect.ts';
import { openaiConstraints } from './openai.ts';
import type { JsonObject } from './json.ts';

/** What an API has no field for, or has one that its server does not read. */
export interface Lacks {
  readonly responseFormat?: boolean;
  readonly toolChoice?: boolean;
}

/**
 * Makes sure that nothing is asked for which the server cannot do. `auto` asks for nothing.
 *
 * @throws {SeamstressError} `target` when the request has such a constraint
 */
export function requirePossible(
  dialect: string,
  { responseFormat, toolChoice }: ChatRequest,
  lacks: Lacks,
): void {
  if (lacks.responseFormat === true && responseFormat !== undefined)
    throw impossible(dialect, 'content that fits a JSON schema (responseFormat)');
  if (lacks.toolChoice === true && toolChoice !== undefined && toolChoice !== 'auto')
    throw impossible(dialect, `toolChoice: ${toolChoice}`);
}

function impossible(dialect: string, what: string): SeamstressError {
  return new SeamstressError(
    'target',
    `a server of the kind ${dialect} cannot be asked for ${what}`,
    { hint: 'Leave out the scenarios that need it; without it they would test something else.' },
  );
}

/** OpenAI's fields for what constrains an answer, for a server that lacks some of them. */
export function possibleConstraints(
  dialect: string,
  lacks: Lacks,
): (request: ChatRequest) => JsonObject {
  return (request) => {
    requirePossible(dialect, request, lacks);
    const { toolChoice: _, ...rest } = request;
    return openaiConstraints(lacks.toolChoice === true ? rest : request);
  };
}
