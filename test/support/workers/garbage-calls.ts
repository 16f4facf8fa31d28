import { expect, it } from "vitest";
import { codeOf, hintsOf } from "../../../src/contracts/errors.ts";
import type { CallContext } from "../../../src/contracts/call-context.ts";
import { plainPromises } from "./plain-promises.ts";

/**
 * How one RPC method is called well. Each argument by its name, as paths of errors begin; with a
 * question mark where callers may leave it out.
 */
type GoodCall = Readonly<Record<string, unknown>>;

/** A good call of every method. A function makes a fresh one, where a call can't be made twice. */
export type GoodCalls = Readonly<Record<string, GoodCall | (() => GoodCall | Promise<GoodCall>)>>;

interface GarbageCallsInput {
  readonly name: string;
  /** The class whose own methods are called from outside. */
  readonly entrypoint: { readonly prototype: object };
  readonly remote: () => object;
  readonly calls: GoodCalls;
  /** Further bad values, by `method argument`. */
  readonly bad?: Readonly<Record<string, readonly unknown[]>>;
  /** Whatever a call may change, as a text. */
  readonly world: () => Promise<string>;
}

/** What only the platform calls, or by another way than RPC. */
const NOT_REMOTE: ReadonlySet<string> = new Set([
  "constructor",
  "alarm",
  "fetch",
  "webSocketMessage",
  "webSocketClose",
  "webSocketError",
]);

/** No argument of ours takes any of these. */
const GARBAGE: readonly unknown[] = [{}, undefined, Number.NaN, "x".repeat(10_000)];

const BAD_CONTEXTS: readonly Readonly<Record<string, unknown>>[] = [
  { remainingMs: Number.NaN },
  { remainingMs: Number.POSITIVE_INFINITY },
  { remainingMs: -1 },
  { remainingMs: 86_400_000 },
  { remainingMs: "1000" },
  { requestId: 5 },
  { requestId: "x".repeat(1_000) },
  { traceparent: null },
  { principal: undefined },
  { principal: { userId: "", sessionId: "s", roles: [] } },
  { principal: { userId: "u", sessionId: "s", roles: "admin" } },
  { attempt: 0 },
  { clientAddress: "x".repeat(100) },
  { continent: "na" },
  { logWeight: 0 },
];

/**
 * Tests that no method believes its caller. One that is not in `calls` fails: nothing new is
 * believed either.
 */
export function testGarbageCalls({
  name,
  entrypoint,
  remote,
  calls,
  bad = {},
  world,
}: GarbageCallsInput): void {
  const make = async (method: string): Promise<GoodCall> => {
    const call = calls[method] ?? {};
    return typeof call === "function" ? await call() : call;
  };
  const invoke = (method: string, args: readonly unknown[]): Promise<unknown> => {
    const methods = plainPromises(remote()) as Record<
      string,
      (...args: readonly unknown[]) => Promise<unknown>
    >;
    return methods[method]?.(...args) ?? Promise.reject(new TypeError(`${method} is no method`));
  };

  it(`${name}: every method has a good call here`, () => {
    const own = Object.getOwnPropertyNames(Object.getPrototypeOf(entrypoint.prototype)).filter(
      (method) => !NOT_REMOTE.has(method) && !method.startsWith("#"),
    );
    expect(Object.keys(calls).toSorted()).toEqual(own.toSorted());
  });

  it.each(Object.keys(calls))(
    `${name}.%s refuses every argument that is garbage, by its name, and does nothing`,
    async (method) => {
      const good = await make(method);
      const before = await world();
      for (const [index, argument] of Object.keys(good).entries()) {
        const given = argument.replace(/\?$/, "");
        const common = given === argument ? GARBAGE : GARBAGE.filter((garbage) => garbage !== undefined);
        for (const garbage of [...common, ...(bad[`${method} ${given}`] ?? [])]) {
          await expectRefused(invoke(method, Object.values(good).with(index, garbage)), given);
        }
      }
      for (const part of "ctx" in good ? BAD_CONTEXTS : []) {
        const ctx = { ...(good["ctx"] as CallContext), ...part };
        await expectRefused(
          invoke(method, [ctx, ...Object.values(good).slice(1)]),
          `ctx.${Object.keys(part)[0]}`,
        );
      }
      expect(await world()).toBe(before);
    },
  );

  it.each(Object.keys(calls))(`${name}.%s takes good arguments`, async (method) => {
    const good = await make(method);
    const outcome = await invoke(method, Object.values(good)).then(
      () => "answered",
      (error: unknown) => codeOf(error),
    );
    expect(outcome).toBe("answered");
  });
}

async function expectRefused(call: Promise<unknown>, path: string): Promise<void> {
  const outcome = await call.then(
    (answer) => ({ code: `answered ${JSON.stringify(answer)}`, path: "" }),
    (error: unknown) => ({ code: codeOf(error), path: hintsOf(error).errors?.[0]?.path ?? "no path" }),
  );
  expect({ ...outcome, path: outcome.path.slice(0, path.length) }).toEqual({ code: "INVALID", path });
}
