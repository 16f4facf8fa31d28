import { usageOf } from "../../../testbed/cost/usage.ts";
import type { Prices } from "../../../testbed/cost/bill.ts";
import published from "../../prices.json" with { type: "json" };

const MILLION = 1_000_000;

/** What the price file says, in dollars a million units of each meter. */
export const PRICES: Prices = usageOf((meter) => {
  const { dollars, per } = published.prices[meter];
  return (dollars * MILLION) / per;
});

/** When the youngest of these prices was read. */
export const PRICES_AS_OF = Object.values(published.prices)
  .map(({ asOf }) => asOf)
  .reduce((latest, asOf) => (asOf > latest ? asOf : latest));

/** Bytes that the platform adds, which it counts and does not publish. */
export const ASSUMED_BYTES = published.assumed;
