import { AsyncLocalStorage } from "node:async_hooks";
import { BilledTime } from "../../../testbed/cost/billed-time.ts";
import { HeldSockets } from "./held-sockets.ts";
import { runningObject } from "./isolate.ts";
import type { RunningIsolate } from "./isolate-pool.ts";
import { ObjectStorage } from "./object-storage.ts";
import type { PlatformParts } from "./platform-parts.ts";

/** Memory that the platform bills an object for, in GB, whatever it uses. */
const OBJECT_GB = 0.128;
/** An object that could hibernate for so long does: its memory goes. */
const HIBERNATES_AFTER_MS = 10_000;
/** So many messages that come in at an object's sockets are billed as one request. */
const MESSAGES_PER_REQUEST = 20;

interface HostedObjectDeps extends PlatformParts {
  readonly worker: string;
  readonly className: string;
  readonly name: string;
  readonly startIsolate: () => RunningIsolate;
}

type Methods = Readonly<Record<string, ((...given: unknown[]) => unknown) | undefined>>;

/** Runs what is called outside of whoever calls: no context of a caller reaches an object. */
const inRootContext = AsyncLocalStorage.snapshot();

/**
 * One Durable Object: its class as it is deployed, its storage, and the time it is billed for.
 * Memory goes while it sleeps, as in production, so that what it reads when it wakes is counted.
 */
export class HostedObject {
  readonly storage: ObjectStorage;
  readonly #deps: HostedObjectDeps;
  readonly #billed: BilledTime;
  readonly #sockets: HeldSockets;
  #instance: Promise<Methods> | null = null;

  constructor(deps: HostedObjectDeps) {
    this.#deps = deps;
    const { stage, meters, distances, className } = deps;
    this.#billed = new BilledTime((ms) =>
      meters.add("objectGigabyteSeconds", (ms / 1_000) * OBJECT_GB, `GB-s of ${className}`),
    );
    this.storage = new ObjectStorage({
      stage,
      meters,
      confirmMs: distances.confirmMs,
      onAlarm: () => void this.call("alarm", []),
    });
    this.#sockets = new HeldSockets({
      stage,
      durableAtMs: () => this.storage.durableAtMs,
      onMessage: (socket, data) => {
        meters.add("objectRequests", 1 / MESSAGES_PER_REQUEST, `messages of ${className}, a twentieth each`);
        const given = typeof data === "string" ? data : data.slice().buffer;
        void this.#invoke("webSocketMessage", [socket, given]);
      },
      onClose: (socket, code, reason) => void this.#invoke("webSocketClose", [socket, code, reason, true]),
    });
  }

  /** A call of a method, or its alarm: each is a billed request. */
  async call(method: string, given: readonly unknown[]): Promise<unknown> {
    const { meters, className } = this.#deps;
    meters.add("objectRequests", 1, `${className}.${method}`);
    return this.#invoke(method, given);
  }

  /** Whatever has the object do something. */
  async #invoke(method: string, given: readonly unknown[]): Promise<unknown> {
    const { stage, meters, distances, worker } = this.#deps;
    const { time } = stage;
    meters.invoked(worker);
    if (this.#billed.isIdle && time.now() - this.#billed.idleSinceMs >= HIBERNATES_AFTER_MS)
      this.#instance = null;
    const end = this.#billed.begin(time.now());
    try {
      const answer = await inRootContext(() =>
        runningObject.run(this.#billed, () => this.#run(method, given)),
      );
      // The output gate: an answer leaves when what was written before it is durable.
      const durableInMs = this.storage.durableAtMs - time.now();
      await time.sleep(Math.max(distances.turnMs, durableInMs));
      return answer;
    } finally {
      end(time.now());
    }
  }

  async #run(method: string, given: readonly unknown[]): Promise<unknown> {
    this.#instance ??= this.#wake();
    const instance = await this.#instance;
    const called = instance[method];
    if (called === undefined) throw new TypeError(`${this.#deps.className} has no method ${method}`);
    return called.apply(instance, [...given]);
  }

  async #wake(): Promise<Methods> {
    const { className, name, startIsolate } = this.#deps;
    const { module, env } = startIsolate();
    const made = module[className] as new (state: object, env: object) => Methods;
    let ready: Promise<unknown> = Promise.resolve();
    const instance = new made(
      {
        id: { name, toString: () => name },
        storage: this.storage,
        ...this.#sockets.state,
        blockConcurrencyWhile: (work: () => Promise<unknown>) => (ready = work()),
        waitUntil: (work: Promise<unknown>) => void work.catch(() => undefined),
      },
      env,
    );
    await ready;
    return instance;
  }
}
