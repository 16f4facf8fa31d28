import type { Billed } from "../../../testbed/cost/bill-table.ts";
import type { HourMetered } from "./hour-without-users.ts";

/** What a million reports may cost at most, by the rate of their shard. */
const DOLLARS_MAX: Readonly<Record<string, number>> = {
  "report, 20/s a shard": 0.85,
  "report, 200/s a shard": 0.7,
};
/** And beside a history that writes each report to D1 at once. */
const RATIO_MAX: Readonly<Record<string, number>> = {
  "report, 1/s a shard": 1.2,
  "report, 20/s a shard": 1,
  "report, 200/s a shard": 1,
};

const WRITE_THROUGH = "report, D1 write-through";

/** Says of each goal whether it is met. */
export function printGoals(billed: readonly Billed[], { outsideOfCrons }: HourMetered): void {
  const totalOf = (name: string): number => {
    const found = billed.find((one) => one.name === name);
    if (found === undefined) throw new Error(`nothing is billed as ${name}`);
    return found.bill.total;
  };
  const goals = Object.keys(RATIO_MAX).flatMap((name) => {
    const dollars = totalOf(name);
    const ratio = dollars / totalOf(WRITE_THROUGH);
    return [
      ...within(`${name}, dollars a million`, dollars, DOLLARS_MAX[name]),
      ...within(`${name}, times ${WRITE_THROUGH}`, ratio, RATIO_MAX[name]),
    ];
  });
  const alone = within("an hour without users, calls of objects beside the crons'", outsideOfCrons, 0);
  console.table(Object.fromEntries([...goals, ...alone]));
}

function within(
  name: string,
  value: number,
  max: number | undefined,
): readonly (readonly [string, { readonly is: string; readonly goal: string; readonly met: string }])[] {
  if (max === undefined) return [];
  const met = value <= max ? "met" : "not met";
  return [[name, { is: value.toFixed(3), goal: `≤ ${max.toFixed(2)}`, met }]];
}
