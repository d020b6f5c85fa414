/** How long a stream may go on that was asked for so many tokens. */

/** Servers send some events beside tokens, and gateways may send a token in several. */
const EVENTS_A_TOKEN = 16;
const EVENTS_BESIDE = 1000;

/** Events at most of a stream; one that sends more does not keep to its limit of tokens. */
export function mostEvents(maxTokens: number): number {
  return maxTokens * EVENTS_A_TOKEN + EVENTS_BESIDE;
}
