import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { writeOperatorEnv, type OperatorStanding } from "../../scripts/runtime/operator.ts";
import { shellQuote } from "../../scripts/runtime/shell-quote.ts";
import { welcomeText } from "../../scripts/runtime/welcome.ts";

/** Everything that a shell or a JSON text could take for its own. */
const PASSWORD = `it's "a" $HOME \`id\` \\ ! %s é #;&`;
const operator = { email: "o'neil@example.com", password: PASSWORD };

const told = (standing: OperatorStanding, tcpPort: number | null = null): string =>
  welcomeText({
    url: "http://localhost:1",
    tcpPort,
    stateDir: "/state",
    logPath: "/log",
    configs: [],
    operator,
    standing,
    envPath: "/state/operator.env",
  });
const sh = (script: string): string => execFileSync("sh", ["-c", script], { encoding: "utf8" });

describe("an operator's login", () => {
  it("is one word of a shell, whatever is in it", () => {
    expect(sh(`printf %s ${shellQuote(PASSWORD)}`)).toBe(PASSWORD);
  });

  it("is sent by the printed transcript as it is", () => {
    const word = /-d ('.*') \| token\)\nUSER_ID/.exec(told("operator"))?.[1] ?? "exit 9";
    expect(JSON.parse(sh(`printf %s ${word}`))).toEqual(operator);
  });

  it("can be taken into a shell from a file of its owner's", () => {
    const folder = mkdtempSync(join(tmpdir(), "playhead-operator-"));
    try {
      const path = writeOperatorEnv(folder, operator, "operator");
      expect(sh(`. '${path}'; printf '%s|%s' "$ADMIN_EMAIL" "$ADMIN_PASSWORD"`)).toBe(
        `${operator.email}|${PASSWORD}`,
      );
      expect(statSync(path).mode & 0o777).toBe(0o600);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it.each(["no operator", "wrong password"] as const)(
    "isn't printed where it is none (%s): not even in the transcript",
    (standing) => {
      const text = told(standing);
      expect(text).toMatch(/operator {2}none: o'neil@example\.com is an account already/);
      expect(text).not.toContain(PASSWORD);
      expect(text).not.toContain("/v1/ops/");
    },
  );
});

describe("the doors for goim's clients", () => {
  it("are told, with the one over TCP where there is one", () => {
    expect(told("operator")).toMatch(/goim {6}ws:\/\/localhost:1\/sub\n/);
    expect(told("operator", 3_101)).toMatch(
      /goim {6}ws:\/\/localhost:1\/sub {2}and over TCP 127\.0\.0\.1:3101\n/,
    );
  });
});
