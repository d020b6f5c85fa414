/** Gateways by name, as a command line gives them. */
import { SeamstressError } from '../errors.ts';
import { VERSION, type GatewayName } from './spec.ts';

/** A gateway to provision, as the user names it. */
export interface GatewaySpec {
  readonly name: GatewayName;
  /** Undefined for the version that is known to work. */
  readonly version: string | undefined;
}

/**
 * Reads `litellm` or `litellm@VERSION`.
 *
 * @throws SeamstressError `usage` for another gateway or something that is not a version
 */
export function parseGateway(text: string): GatewaySpec {
  const [name = '', ...rest] = text.split('@');
  const version = rest.length === 0 ? undefined : rest.join('@');
  if (name !== 'litellm')
    throw new SeamstressError('usage', `unknown gateway "${name}"`, {
      hint: 'Known gateways: litellm, litellm@VERSION. Place "seamstress tap" between any other and the engine.',
    });
  if (version !== undefined && !VERSION.test(version))
    throw new SeamstressError('usage', `"${version}" is not a version of litellm`, {
      hint: 'Write litellm, or litellm@VERSION, for example litellm@1.109.1.',
    });
  return { name, version };
}
