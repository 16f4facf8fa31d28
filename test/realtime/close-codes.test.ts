import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { afterClose } from "../../clients/typescript/after-close.ts";
import { CLOSE_CODES } from "../../src/contracts/realtime.ts";

const PAGE = resolve(import.meta.dirname, "../../docs/design/realtime.md");
const ROW = /^\| (\d{4}) \| [^|]+ \| ([^|]+) \|$/gm;
const rows = [...readFileSync(PAGE, "utf8").matchAll(ROW)].map(([, code, advice = ""]) => ({
  code: Number(code),
  advice,
}));

/** What the table says, in the words of the client. */
function said(advice: string): string {
  if (advice.startsWith("gives up")) return "give up";
  if (advice.startsWith("signs in")) return "sign in";
  if (advice.startsWith("comes back slowly")) return "slowly";
  return advice.includes("within 30 s") ? "spread" : "again";
}

describe("the table of close codes", () => {
  it("has each code that a socket can be closed with, and no other", () => {
    const codes = Object.values(CLOSE_CODES).toSorted((one, other) => one - other);
    expect(rows.map(({ code }) => code)).toEqual(codes);
  });

  it("says of each what our own client does", () => {
    const told = rows.map(({ code, advice }) => `${code}: ${said(advice)}`);
    expect(told).toEqual(rows.map(({ code }) => `${code}: ${afterClose(code)}`));
  });

  it("leaves whoever is closed with another one to come back", () => {
    for (const code of [1000, 1001, 1005, 1006, 1011, 1013, 4000]) expect(afterClose(code)).toBe("again");
  });
});
