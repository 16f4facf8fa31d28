import type { Bill } from "./bill.ts";
import { METER_NAMES, METERS, type Usage } from "./usage.ts";

/** What is billed, under the name by which it is told. */
export interface Billed {
  readonly name: string;
  /** Of one. */
  readonly usage: Usage;
  /** Of a million. */
  readonly bill: Bill;
}

export const TOTAL = "all of it";
/** The first cell of the tables: how documents find theirs. */
export const DOLLARS_OF_A_MILLION = "dollars a million";
export const USED_BY_ONE = "used by one";

/** A table of Markdown: dollars a million by meter, with their sum. */
export function dollarsTable(billed: readonly Billed[]): string {
  return markdownTable(
    [DOLLARS_OF_A_MILLION, ...billed.map(({ name }) => name)],
    [
      ...METER_NAMES.map((meter) => [
        METERS[meter],
        ...billed.map(({ bill }) => dollars(bill.byMeter[meter])),
      ]),
      [TOTAL, ...billed.map(({ bill }) => dollars(bill.total))],
    ],
  );
}

/** A table of Markdown: how much one uses of each meter. */
export function usageTable(billed: readonly Billed[]): string {
  return markdownTable(
    [USED_BY_ONE, ...billed.map(({ name }) => name)],
    METER_NAMES.map((meter) => [METERS[meter], ...billed.map(({ usage }) => amount(usage[meter]))]),
  );
}

/** The first cells of a table of Markdown, but for its head's. Empty where there is none. */
export function rowNamesOf(markdown: string, head: string): readonly string[] {
  const lines = markdown.split("\n");
  const first = lines.findIndex((line) => line.startsWith(`| ${head} |`));
  if (first < 0) return [];
  const rest = lines.slice(first + 2);
  const end = rest.findIndex((line) => !line.startsWith("|"));
  return rest.slice(0, end < 0 ? rest.length : end).map((line) => line.split("|")[1]?.trim() ?? "");
}

/** The document with another table in the place of that one. Throws where it has none. */
export function withTable(markdown: string, head: string, replacement: string): string {
  const lines = markdown.split("\n");
  const first = lines.findIndex((line) => line.startsWith(`| ${head} |`));
  if (first < 0) throw new Error(`there is no table of ${head}`);
  const length = lines.slice(first).findIndex((line) => !line.startsWith("|"));
  lines.splice(first, length < 0 ? lines.length - first : length, ...replacement.split("\n"));
  return lines.join("\n");
}

/** A table of Markdown. */
export function markdownTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}

/** Dollars to the cent. */
export function dollars(value: number): string {
  return value === 0 ? "–" : value < 0.005 ? "< 0.01" : value.toFixed(2);
}

/** Three digits of whatever it is. */
export function amount(value: number): string {
  return value === 0 ? "–" : Number(value.toPrecision(3)).toString();
}
