import { vi } from "vitest";
import { codeOf } from "../../../src/contracts/errors.ts";
import type { Guard } from "../../../src/platform/guard/guard.ts";
import type * as GuardKit from "../../../src/platform/guard/guard-kit.ts";

/** As much of the runtime's module as wires and entrypoints take from it. */
export function runtimeModule(): object {
  class Entry {
    readonly ctx: unknown;
    readonly env: unknown;
    constructor(ctx: unknown, env: unknown) {
      this.ctx = ctx;
      this.env = env;
    }
  }
  return { waitUntil: () => undefined, WorkerEntrypoint: Entry, DurableObject: Entry };
}

/** The guards that wires have made since the last `forgetGuards`, by the upstream's name. */
const made = new Map<
  string,
  { readonly guard: Guard; readonly wasAsked: () => boolean; readonly forgetCalls: () => void }
>();

export function forgetGuards(): void {
  made.clear();
}

/** Names of the guards that were made; those of shards, of which there are many, by one name. */
export function guardsMade(): readonly string[] {
  return [...new Set([...made.keys()].map((name) => name.replace(/-shard-\d+$/, "-shard")))].sort();
}

/** The module of the real kit, which writes down what it makes. */
export function recordingKit(real: typeof GuardKit): typeof GuardKit {
  const guardKit: typeof real.guardKit = function recorded(deps) {
    const makeGuard = real.guardKit(deps);
    return function makeRecorded(upstream, options) {
      const guard = makeGuard(upstream, options);
      const call = vi.spyOn(guard, "call");
      made.set(upstream, {
        guard,
        wasAsked: () => call.mock.calls.length > 0,
        forgetCalls: () => void call.mockClear(),
      });
      return guard;
    };
  };
  return { ...real, guardKit };
}

function madeFor(upstream: string) {
  const name = [...made.keys()].find(
    (known) => known === upstream || known.replace(/-shard-\d+$/, "-shard") === upstream,
  );
  const one = made.get(name ?? "");
  if (one === undefined)
    throw new Error(`no guard was made for ${upstream}, but for ${[...made.keys()].join(", ")}`);
  return one;
}

/** Whether a call came to the guard since it was made, or its calls were forgotten. */
export const wasAsked = (upstream: string): boolean => madeFor(upstream).wasAsked();
export const forgetCalls = (upstream: string): void => madeFor(upstream).forgetCalls();

/** Whether the guard leaves its upstream alone: asked by a call that would succeed. */
export async function isOpen(upstream: string): Promise<boolean> {
  const { guard } = madeFor(upstream);
  const plan = { kind: "write", idempotent: false, deadlineAtMs: Number.POSITIVE_INFINITY } as const;
  return guard
    .call("look", plan, async () => false)
    .catch((error: unknown) => codeOf(error) === "CIRCUIT_OPEN");
}

const STEPS_MAX = 10_000;
/** Threads that cryptography runs on, in Node's default. */
const THREADS = 4;
const SOME_BYTES = new Uint8Array(4_096);

/** Returns when the cryptography that was asked for before is done, or nearly. */
async function threadsTurn(): Promise<void> {
  await Promise.all(Array.from({ length: THREADS }, () => crypto.subtle.digest("SHA-256", SOME_BYTES)));
  await new Promise((resolve) => void setImmediate(resolve));
}

const TURNS = 5;

/**
 * Lets everything happen that needs none of the faked time, cryptography too, unless all of it has
 * happened before.
 */
export async function settle(hasHappened: () => boolean = () => false): Promise<void> {
  for (let turn = 0; turn < TURNS && !hasHappened(); turn += 1) await threadsTurn();
}

/**
 * Turns the faked clock on, a step at a time, until the work has ended. What is real (cryptography,
 * bodies) is waited for in between; while no timer is set, that is all there is to wait for, and
 * the clock stands.
 */
async function settled(work: Promise<unknown>, stepMs: number): Promise<void> {
  const state = { hasEnded: false };
  void work.finally(() => void (state.hasEnded = true));
  for (let step = 0; step < STEPS_MAX; step += 1) {
    await settle(() => state.hasEnded);
    if (state.hasEnded) return;
    if (vi.getTimerCount() > 0) vi.advanceTimersByTime(stepMs);
  }
  throw new Error(`no end within ${STEPS_MAX} steps`);
}

interface Driving {
  /** Calls at once, and how often in turn. */
  readonly atOnce?: number;
  readonly rounds?: number;
  readonly stepMs?: number;
  /** Whether the calls are to pass this guard by. */
  readonly passesBy?: boolean;
}

const AT_ONCE = 25;
const STEP_MS = 50;

/**
 * Makes calls that hang until the guard opens. Answers whether it does; throws where none of them
 * came to the guard, unless they are to pass it by.
 */
export async function opens(
  upstream: string,
  call: (index: number) => Promise<unknown>,
  { atOnce = AT_ONCE, rounds = 1, stepMs = STEP_MS, passesBy = false }: Driving = {},
): Promise<boolean> {
  for (let round = 0; round < rounds; round += 1) {
    const calls = Array.from({ length: atOnce }, (_, index) =>
      call(round * atOnce + index).catch(() => undefined),
    );
    await settled(Promise.all(calls), stepMs);
    if (!passesBy && !madeFor(upstream).wasAsked())
      throw new Error(`no call came to ${upstream}: is it made only after another upstream, which hangs?`);
    if (await isOpen(upstream)) return true;
  }
  return false;
}
