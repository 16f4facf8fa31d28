import { beforeEach, describe, expect, it } from "vitest";
import { CodedError } from "../../../src/contracts/errors.ts";
import { createBff } from "../../../src/platform/bff/bff-app.ts";
import { answerJson } from "../../../src/platform/bff/answer-json.ts";
import type { Logger } from "../../../src/platform/logger.ts";
import { VirtualTime } from "../../../testbed/virtual-time.ts";

const TRACE = "a".repeat(32);
const lines: Readonly<Record<string, unknown>>[] = [];
const clock = new VirtualTime();
const log =
  (level: string): Logger["info"] =>
  (event, fields) =>
    void lines.push({ level, event, ...fields });
const logger: Logger = { debug: log("debug"), info: log("info"), warn: log("warn"), error: log("error") };

const bff = createBff({
  verifyInternalToken: async () => null,
  logger,
  now: clock.now,
  checkReady: async () => undefined,
  addRoutes(app) {
    app.get("/ok", (c) => {
      clock.turn(7);
      return answerJson(c, {});
    });
    app.get("/gone", () => {
      throw new CodedError("NOT_FOUND", "Gone");
    });
    app.get("/bug", () => {
      throw new TypeError("a bug");
    });
  },
});

async function ask(path: string, weight?: number): Promise<readonly Readonly<Record<string, unknown>>[]> {
  lines.splice(0);
  const headers = {
    "x-internal-token": "token",
    "x-context": JSON.stringify({ requestId: "r-1", ...(weight === undefined ? {} : { logWeight: weight }) }),
    traceparent: `00-${TRACE}-${"b".repeat(16)}-01`,
  };
  await bff(new Request(`http://bff${path}`, { headers }), {});
  return [...lines];
}

beforeEach(() => void lines.splice(0));

describe("a BFF's line about a request", () => {
  it("is not there where the gateway doesn't ask for it, as one of the release before never does", async () => {
    expect(await ask("/ok")).toEqual([]);
    expect(await ask("/gone")).toEqual([]);
  });

  it("is there where it does, with its time and what it stands for", async () => {
    const known = { level: "info", event: "request", requestId: "r-1", traceId: TRACE };
    expect(await ask("/ok", 100)).toEqual([{ ...known, status: 200, ms: 7, sample: 100 }]);
    expect(await ask("/ok", 1)).toEqual([{ ...known, status: 200, ms: 7 }]);
    expect(await ask("/gone", 1)).toMatchObject([{ ...known, status: 404 }]);
    expect(await ask("/ok?fields=,", 1)).toMatchObject([{ ...known, status: 422 }]);
  });

  it("is the line about the failure where there is one, asked for or not", async () => {
    for (const weight of [undefined, 1, 100])
      expect(await ask("/bug", weight)).toMatchObject([{ level: "error", event: "request failed" }]);
  });
});
