import { AsyncLocalStorage } from "node:async_hooks";
import * as nodeCrypto from "node:crypto";
import { createRequire } from "node:module";
import { compileFunction } from "node:vm";
import { transform } from "esbuild";
import type { BilledTime } from "../../../testbed/cost/billed-time.ts";
import { mulberry32 } from "../../../testbed/mulberry32.ts";
import type { Stage } from "./stage.ts";
import { VirtualResponse } from "./virtual-response.ts";
import { VirtualSocket } from "./virtual-socket.ts";

/** A worker's module: its default handlers, and the classes that it exports. */
export interface WorkerModule {
  readonly default: {
    readonly fetch?: (request: Request, env: object, ctx: object) => Promise<Response>;
    readonly queue?: (batch: object, env: object, ctx: object) => Promise<void>;
    readonly scheduled?: (controller: object, env: object, ctx: object) => Promise<void>;
  };
  readonly [className: string]: unknown;
}

type Evaluate = (...globals: unknown[]) => void;

/** Answers what code asks of hosts outside of the platform. */
export type Internet = (request: Request) => Promise<Response>;

interface IsolateDeps {
  readonly stage: Stage;
  readonly onLine: (line: string) => void;
  /** The named caches of where the isolate is. */
  readonly caches: object;
  readonly seed: number;
  readonly internet: Internet;
  /** There and back between a client and an object. */
  readonly socketMs: number;
}

/** The code of a worker, compiled once however many isolates run it. */
export interface WorkerCode {
  /** A new isolate: all that the module keeps between requests is its own. */
  readonly start: (deps: IsolateDeps) => WorkerModule;
}

/** What is given to a module in the place of what the runtime would give it. */
const GLOBALS = ["module", "require", "Date", "Math", "setTimeout", "clearTimeout", "console", "crypto"];
const MORE_GLOBALS = ["caches", "fetch", "Response", "WebSocketPair", "WebSocketRequestResponsePair"];

/** Whose time the running code spends: an object that waits for something can't hibernate. */
export const runningObject = new AsyncLocalStorage<BilledTime>();

class Entrypoint {
  readonly ctx: object;
  readonly env: object;

  constructor(ctx: object, env: object) {
    this.ctx = ctx;
    this.env = env;
  }
}

/** @param bundle - one ES module, as it is deployed */
export async function workerCode(bundle: string): Promise<WorkerCode> {
  const { code } = await transform(bundle, { format: "cjs", target: "node24" });
  const evaluate = compileFunction(code, [...GLOBALS, ...MORE_GLOBALS]) as Evaluate;
  return {
    start(deps) {
      const module: { exports: unknown } = { exports: {} };
      evaluate(module, ...Object.values(globalsOf(deps)));
      return module.exports as WorkerModule;
    },
  };
}

/** In the order of {@link GLOBALS}. */
function globalsOf({ stage, onLine, caches, seed, internet, socketMs }: IsolateDeps) {
  const line = (...parts: readonly unknown[]): void => onLine(parts.map(String).join(" "));
  return {
    require: modulesOf(stage),
    Date: virtualDate(stage.time.now),
    Math: Object.create(Math, { random: { value: mulberry32(seed) } }) as Math,
    ...timersOf(stage),
    console: { debug: line, log: line, info: line, warn: line, error: line },
    crypto: waitedFor(stage),
    caches,
    fetch: (asked: Request | string, init?: RequestInit) => internet(new Request(asked, init)),
    Response: VirtualResponse,
    WebSocketPair: function WebSocketPair() {
      const [client, server] = VirtualSocket.pair(stage, socketMs / 2);
      return { 0: client, 1: server };
    },
    WebSocketRequestResponsePair,
  };
}

class WebSocketRequestResponsePair {
  readonly request: string;
  readonly response: string;

  constructor(request: string, response: string) {
    this.request = request;
    this.response = response;
  }
}

/** Passwords are hashed cheaply: what that costs is CPU time, and that is measured elsewhere. */
function modulesOf(stage: Stage): (name: string) => unknown {
  const real = createRequire(import.meta.url);
  const scrypt = (password: string, salt: Uint8Array, length: number, ...rest: readonly unknown[]): void => {
    const called = rest.at(-1) as (error: Error | null, key: Buffer) => void;
    const isDone = stage.outsideUntilCalled();
    nodeCrypto.scrypt(password, salt, length, { N: 2 }, (error, key) => {
      isDone();
      called(error, key);
    });
  };
  const modules: Readonly<Record<string, unknown>> = {
    "cloudflare:workers": {
      DurableObject: Entrypoint,
      WorkerEntrypoint: Entrypoint,
      waitUntil: (work: Promise<unknown>) => void work.catch(() => undefined),
    },
    "node:crypto": { ...nodeCrypto, scrypt },
  };
  return (name) => modules[name] ?? real(name);
}

function virtualDate(now: () => number): typeof Date {
  return class VirtualDate extends Date {
    constructor(...given: readonly [] | readonly [number]) {
      super(...(given.length === 0 ? ([now()] as const) : given));
    }

    static override now(): number {
      return now();
    }
  } as unknown as typeof Date;
}

/** A timer keeps its object awake until it goes off or is cleared. */
function timersOf({ time }: Stage) {
  interface Timer {
    readonly end: () => void;
  }
  return {
    setTimeout: (callback: () => void, delayMs = 0): Timer => {
      const awake = runningObject.getStore()?.begin(time.now());
      // What follows on a promise runs in the context of here, and costs a tenth of binding it.
      const { promise: goneOff, resolve: goOff } = Promise.withResolvers<void>();
      void goneOff.then(() => {
        callback();
        awake?.(time.now());
      });
      const callOff = time.after(Math.max(0, delayMs), goOff);
      return {
        end: () => {
          callOff();
          awake?.(time.now());
        },
      };
    },
    clearTimeout: (timer?: Timer): void => timer?.end(),
  };
}

function sha512(data: BufferSource): Uint8Array<ArrayBuffer> {
  return new Uint8Array(nodeCrypto.createHash("sha512").update(bytesOf(data)).digest());
}

function bytesOf(data: BufferSource): Uint8Array {
  return data instanceof ArrayBuffer
    ? new Uint8Array(data)
    : new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

/**
 * Signatures are made cheaply, as hashes are of passwords, and say no more than what was signed:
 * thousands of them are half of the time that this takes.
 */
const CHEAP = {
  sign: async (_how: unknown, _key: unknown, data: BufferSource) => sha512(data).buffer,
  verify: async (_how: unknown, _key: unknown, signature: BufferSource, data: BufferSource) =>
    nodeCrypto.timingSafeEqual(bytesOf(signature), sha512(data)),
} as const;

/** All else works on threads of its own: time must not go on without it. */
function waitedFor(stage: Stage): Crypto {
  const subtle = new Proxy(crypto.subtle, {
    get: (target, name) => {
      if (name === "sign" || name === "verify") return CHEAP[name];
      const method = Reflect.get(target, name) as (...given: unknown[]) => Promise<unknown>;
      return (...given: unknown[]) => stage.outside(method.apply(target, given));
    },
  });
  return new Proxy(crypto, {
    get: (target, name) => {
      if (name === "subtle") return subtle;
      const value: unknown = Reflect.get(target, name);
      return typeof value === "function" ? (value as () => unknown).bind(target) : value;
    },
  });
}
