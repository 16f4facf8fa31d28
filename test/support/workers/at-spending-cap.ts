import { afterEach, beforeEach, expect, vi } from "vitest";
import { codeOf, hintsOf } from "../../../src/contracts/errors.ts";
import { guardBindings, namespaceOf } from "./hung-bindings.ts";
import { refusing } from "./refusing-bindings.ts";
import { forgetGuards, guardsMade, isOpen } from "./wired-guards.ts";

/** How often each method is called: breakers open after fewer. */
export const CALLS = 40;
/** What each caller is told: code, when to come again, whether nobody tries before. */
export const TOLD_OF_CAP = "SPENDING_CAP,300000,true";

export function whatIsTold(error: unknown): string {
  const { retryAfterMs, mustNotRetry } = hintsOf(error);
  return String([codeOf(error), retryAfterMs, mustNotRetry]);
}

/** What every worker is bound to, refused at the cap, and the objects that are one for all. */
export function bindingsAtCap() {
  const objects = namespaceOf(refusing("Durable Objects"));
  const vars = { ...guardBindings(), LOG_LEVEL: "debug", BREAKER_STATE: objects, FAULT_BOARD: objects };
  return { vars, objects };
}

/** Messages of a queue, and what becomes of each: `ack`, or how it is to come again. */
export function messagesAtCap() {
  const fates: unknown[] = [];
  const message = (index: number, body: unknown) => ({
    id: `m${index}`,
    attempts: 1,
    body,
    ack: () => void fates.push("ack"),
    retry: (options: unknown) => void fates.push(options),
  });
  return { fates, message };
}

/** Before each test forgets the guards and begins the log anew, all of whose lines it answers. */
export function logOfEachTest(): readonly Readonly<Record<string, unknown>>[] {
  const lines: Record<string, unknown>[] = [];
  beforeEach(() => {
    forgetGuards();
    lines.length = 0;
    for (const method of ["debug", "log", "warn", "error"] as const)
      vi.spyOn(console, method).mockImplementation((line: string) => void lines.push(JSON.parse(line)));
  });
  afterEach(() => void vi.restoreAllMocks());
  return lines;
}

/** Waits for what goes on in the background, then looks at every guard. */
export async function expectNoneIsOpen(): Promise<void> {
  await new Promise((resolve) => void setImmediate(resolve));
  expect(guardsMade()).not.toEqual([]);
  for (const name of guardsMade()) expect([name, await isOpen(name)]).toEqual([name, false]);
}
