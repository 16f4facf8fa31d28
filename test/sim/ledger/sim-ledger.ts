import type { CallContext } from "../../../src/contracts/call-context.ts";
import { LEDGERS, peerOf, type LedgerChange, type LedgerName } from "../../../src/contracts/ledger.ts";
import { withinTimeOf } from "../../../src/platform/call/current-patience.ts";
import { LEDGER_MIGRATIONS } from "../../ledger/support/ledger-d1.ts";
import { SimProcess, InjectedError } from "../kernel/kernel.ts";
import type { LedgerPlace, LedgerScene } from "./ledger-place.ts";
import { SimPublisher } from "./ledger-publisher.ts";
import { ledgerIsolate, type LedgerIsolate } from "./ledger-world.ts";
import { SimClock } from "../kernel/sim-clock.ts";
import { SimDatabase } from "../kernel/sim-database.ts";
import { AgainLater, SimQueue } from "../kernel/sim-queue.ts";

const QUEUE_RETRIES_MAX = 10;
const CRON_MS = 60_000;

/** Both ledgers, and what they have in common. */
export interface LedgerWorld extends LedgerScene {
  /**
   * How often the cron comes, in ms: less often in quiet times, for the sake of the simulation's
   * speed.
   */
  cronMs: number;
  readonly ledgers: Readonly<Record<LedgerName, SimLedger>>;
}

/**
 * One ledger with everything around it: its database, its queue, its publisher's object, its cron,
 * its clock, and what came of its change stream.
 */
export class SimLedger implements LedgerPlace {
  readonly world: LedgerWorld;
  readonly name: LedgerName;
  readonly database: SimDatabase;
  readonly publisher: SimPublisher;
  readonly published: (readonly LedgerChange[])[] = [];
  /** How often each attempt was sent: `<transfer>:<attempt>`. */
  readonly sends = new Map<string, number>();
  /** Messages that nobody can read. */
  readonly poison: { readonly id: string; readonly atMs: number }[] = [];
  isStreaming = true;
  /** How often it was deployed with its change stream after it had been without. */
  switchedOn = 0;
  /** Nobody reaches it by RPC. */
  isCutOff = false;
  /** Its queue takes nothing. */
  isDeaf = false;
  readonly #process: SimProcess;
  readonly #clock: SimClock;
  readonly #queue: SimQueue;
  #isolate: LedgerIsolate;

  constructor(world: LedgerWorld, name: LedgerName) {
    const { kernel, counters, hardship, mutation } = world;
    this.world = world;
    this.name = name;
    this.isStreaming = world.stream !== "off";
    this.database = new SimDatabase(kernel, LEDGER_MIGRATIONS);
    this.#clock = new SimClock(kernel, hardship, world.jumps);
    this.#process = new SimProcess(name, () => {
      counters.note("process died");
      this.#clock.step(() => counters.note("clock stepped at a restart"));
      this.#isolate = this.#build();
    });
    this.publisher = new SimPublisher(this);
    this.#isolate = this.#build();
    this.#queue = new SimQueue({
      kernel,
      name: `${name}-deliveries`,
      consume: (message) => this.#consume(`playhead-${name}-deliveries`, message),
      bury: (message) => this.#consume(`playhead-${name}-deliveries-dead`, message),
      consumer: this.#process,
      retriesMax: QUEUE_RETRIES_MAX,
      note: counters.note,
    });
    if (mutation.hasCron !== false) this.#tick();
  }

  get peer(): SimLedger {
    return this.world.ledgers[peerOf(this.name)];
  }

  /** Runs a call of another worker's, within its time. */
  async serve<T>(ctx: CallContext, work: (isolate: LedgerIsolate) => Promise<T>): Promise<T> {
    return withinTimeOf(ctx, this.#clock.now, () => work(this.#isolate));
  }

  /** Messages for its queue. */
  take(messages: readonly { readonly body: unknown }[]): void {
    if (this.isDeaf) throw new InjectedError("the queue takes nothing");
    this.#queue.send(messages.map(({ body }) => body));
  }

  poisonWith(bodies: readonly unknown[]): void {
    const atMs = this.world.kernel.nowMs;
    this.poison.push(...this.#queue.send(bodies).map((id) => ({ id, atMs })));
  }

  /**
   * A version with or without the change stream takes over; what runs goes on by the one before.
   */
  deploy(isStreaming: boolean): void {
    if (isStreaming && !this.isStreaming) this.switchedOn += 1;
    this.isStreaming = isStreaming;
    this.#isolate = this.#build();
  }

  publish(changes: readonly LedgerChange[]): void {
    this.published.push(structuredClone(changes));
  }

  noteSend(transferId: string, attempt: number): void {
    const send = `${transferId}:${attempt}`;
    this.sends.set(send, (this.sends.get(send) ?? 0) + 1);
    this.world.counters.note(attempt === 1 ? "message sent" : "message sent again");
  }

  #build(): LedgerIsolate {
    return ledgerIsolate(this, this.#process, this.#clock.now);
  }

  #consume(
    queue: string,
    message: { readonly id: string; readonly body: unknown; readonly attempts: number },
  ): Promise<void> {
    return new Promise((resolve, reject) => {
      const isCapped = this.world.kernel.cap.beganAtMs !== null;
      const retry = (options?: { readonly delaySeconds?: number }): void =>
        reject(isCapped ? new AgainLater(options) : new InjectedError("it is to come again"));
      void this.#isolate.consume({
        queue,
        messages: [{ ...message, ack: resolve, retry }],
      } as unknown as MessageBatch);
    });
  }

  #tick(): void {
    const { kernel, cronMs } = this.world;
    kernel.after(cronMs, "", () => {
      if (!kernel.cap.skipsCron()) void this.#isolate.sweep(kernel.nowMs);
      this.#tick();
    });
  }
}

type WorldOptions = Omit<LedgerWorld, "ledgers" | "newId" | "cronMs">;

/** Both ledgers of the real classes, over the real SQL, in a simulated world. */
export function ledgerWorld(options: WorldOptions): LedgerWorld {
  const ledgers = {} as Record<LedgerName, SimLedger>;
  let names = 0;
  const newId = (atMs: number): string => {
    names += 1;
    const time = Math.floor(atMs).toString(16).padStart(12, "0");
    const luck = Math.floor(options.kernel.random() * 0xffff_ffff)
      .toString(16)
      .padStart(8, "0");
    return `${time.slice(0, 8)}-${time.slice(8)}-7000-8aaa-${luck}${names.toString(16).padStart(4, "0")}`;
  };
  const world: LedgerWorld = { ...options, ledgers, newId, cronMs: CRON_MS };
  for (const name of LEDGERS) ledgers[name] = new SimLedger(world, name);
  return world;
}
