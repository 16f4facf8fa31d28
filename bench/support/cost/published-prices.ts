import { usageOf } from "../../../testbed/cost/usage.ts";
import type { Prices } from "../../../testbed/cost/bill.ts";
import published from "../../prices.json" with { type: "json" };

const MILLION = 1_000_000;

/** What the price file says, in dollars a million units of each meter. */
export const PRICES: Prices = usageOf((meter) => ofMillion(published.prices[meter]));

function ofMillion({ dollars, per }: { readonly dollars: number; readonly per: number }): number {
  return (dollars * MILLION) / per;
}

/** What is sold elsewhere, in dollars a million of each. */
export const PRICES_ELSEWHERE = {
  upstashCommands: ofMillion(published.elsewhere.upstashCommands),
  upstashGigabytes: ofMillion(published.elsewhere.upstashGigabytes),
  qstashMessages: ofMillion(published.elsewhere.qstashMessages),
} as const;

/** When the youngest of these prices was read. */
export const PRICES_AS_OF = Object.values(published.prices)
  .map(({ asOf }) => asOf)
  .reduce((latest, asOf) => (asOf > latest ? asOf : latest));

/** Bytes that the platform adds, which it counts and does not publish. */
export const ASSUMED_BYTES = published.assumed;
