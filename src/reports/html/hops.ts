/** What the gateways on the way made of the request. */
import type { Finding } from '../record.ts';
import { spelled } from './spelled.ts';
import { html, shortened, type Html } from './template.ts';

/** Gateways listed at most. */
const MOST = 8;

/** A step for each gateway between client and server; empty without one. */
export function hopsOf({ target }: Finding): Html[] {
  return target.hops.slice(0, MOST).map(
    (hop) =>
      html`<li>
        <h4>Through <span class="hop">${spelled(shortened(hop, 120))}</span></h4>
        <p>What this gateway sent on was not recorded.</p>
      </li>`,
  );
}
