import { afterEach, expect, it, vi } from "vitest";
import { CodedError } from "../../src/contracts/errors.ts";
import { createLogger, failureFields, failureLine } from "../../src/platform/logger.ts";
import { VirtualTime } from "../../testbed/virtual-time.ts";

afterEach(() => void vi.restoreAllMocks());

/** A logger and all that it has written, at whatever level. */
function written() {
  const lines: Record<string, unknown>[] = [];
  for (const method of ["log", "warn", "error", "debug"] as const)
    vi.spyOn(console, method).mockImplementation((line: string) => void lines.push(JSON.parse(line)));
  const clock = new VirtualTime(1_000_000);
  return { lines, clock, logger: createLogger({ worker: "w", level: "info", now: clock.now }) };
}

const CAPPED = new CodedError("SPENDING_CAP", "read", {
  cause: new Error("Exceeded the account's spending cap for Durable Objects"),
});

it("an hour at the cap is a line a minute, whoever would have told it, and each says what it stands for", () => {
  const { lines, clock, logger } = written();
  const tell = failureLine(logger, "shard failed", { shard: 3 });
  for (let second = 0; second < 3_600; second += 1) {
    tell("flush", CAPPED);
    logger.info("request", { code: "SPENDING_CAP", status: 503 });
    logger.warn("client window not reached", failureFields(CAPPED.cause));
    clock.turn(1_000);
  }
  expect(lines).toHaveLength(60);
  expect(lines[0]).toMatchObject({
    level: "error",
    worker: "w",
    event: "spending cap reached",
    of: "shard failed",
    shard: 3,
    what: "flush",
    causes: "read <- Exceeded the account's spending cap for Durable Objects",
    leftOut: 0,
  });
  expect(lines.slice(1).every(({ leftOut }) => leftOut === 179)).toBe(true);
});

it("everything else is told as ever meanwhile", () => {
  const { lines, logger } = written();
  const tell = failureLine(logger, "shard failed");
  tell("flush", CAPPED);
  tell("flush", CAPPED);
  tell("flush", new Error("the queue is away"));
  logger.info("request", { code: "OVERLOADED" });
  expect(lines.map(({ event }) => event)).toEqual(["spending cap reached", "shard failed", "request"]);
});

it("a clock that was ahead and is set back silences nobody for longer than a minute", () => {
  const lines: unknown[] = [];
  vi.spyOn(console, "error").mockImplementation((line: string) => void lines.push(line));
  let nowMs = 10_000_000;
  const tell = failureLine(createLogger({ worker: "w", level: "info", now: () => nowMs }), "job failed");
  tell("run", CAPPED);
  nowMs = 1_000_000;
  tell("run", CAPPED);
  expect(lines).toHaveLength(2);
});
