import { codeOf } from "../../src/contracts/errors.ts";
import { LEDGERS, type LedgerName } from "../../src/contracts/ledger.ts";
import { amountOf } from "../../src/ledger/biz/amount.ts";
import { must } from "./broken-invariant.ts";
import { Kernel, SimProcess } from "./kernel.ts";
import { NO_TROUBLE, type Trouble } from "./trouble.ts";
import { checkBooks, checkSettled, checkStream, parked, totalChanges } from "./ledger-invariants.ts";
import { HEALTHY, simLedgers, type Mutation, type SimLedger } from "./ledger-world.ts";

const START_MS = 1_800_000_000_000;
const USERS = ["ann", "bob"] as const;
const TROUBLE_MS = 90_000;
/** Every message that can arrive has, fifteen minutes after the last trouble: the slow lane comes every five. */
const HEALED_MS = 900_000;
const REFUNDED_MS = 120_000;
const OPERATIONS = 24;
const RETRY_MS = 3_000;

/** What a seed came to. `failure` is what was broken, null if nothing was. */
export interface SimResult {
  readonly seed: number;
  readonly steps: number;
  readonly failure: string | null;
  readonly trace: readonly string[];
}

/** What a key was used for and what its caller was told. */
interface Promised {
  transferId: string | null;
  failed: boolean;
  /** Whether a caller still waits for an answer. */
  open: number;
}

/** One world from one seed: ninety seconds of trouble, then healing, then everything must have come to its end. */
export async function simulateLedgers(seed: number, mutation: Mutation = HEALTHY): Promise<SimResult> {
  const sim = new LedgerSim(seed, mutation);
  try {
    await sim.run();
    return { seed, steps: sim.kernel.steps, failure: null, trace: sim.kernel.trace };
  } catch (error) {
    return { seed, steps: sim.kernel.steps, failure: error instanceof Error ? error.message : String(error), trace: sim.kernel.trace };
  }
}

class LedgerSim {
  readonly kernel: Kernel;
  readonly #ledgers: Readonly<Record<LedgerName, SimLedger>>;
  readonly #client = new SimProcess("client");
  readonly #promised = new Map<string, Promised>();
  #broken: Error | null = null;
  #changes = -1;

  constructor(seed: number, mutation: Mutation) {
    this.kernel = new Kernel(seed, START_MS, () => this.#check());
    this.#ledgers = simLedgers(this.kernel, mutation);
  }

  async run(): Promise<void> {
    const { kernel } = this;
    kernel.trouble = this.#drawTrouble();
    for (const user of USERS) this.#deposit(user, 0);
    for (let number = 0; number < OPERATIONS; number += 1)
      kernel.after(Math.floor(kernel.random() * TROUBLE_MS), "", () => this.#operate(number));
    await this.#runFor(TROUBLE_MS);

    kernel.trouble = NO_TROUBLE;
    for (const name of LEDGERS) for (const user of USERS) this.#setState(name, user, "open");
    await this.#runFor(HEALED_MS);
    for (const [key, { open }] of this.#promised) must(open === 0, `${key}: its caller has an answer`);
    // What was parked for a good reason is the operators' to end; nothing else may be.
    for (const name of LEDGERS) {
      for (const { id, reason } of parked(this.#ledgers[name])) {
        must(/closed|can't read/.test(reason), `${name}: only what can't be delivered is parked (${reason})`);
        this.#refund(name, id);
      }
    }
    await this.#runFor(REFUNDED_MS);
    for (const name of LEDGERS) {
      checkSettled(this.#ledgers[name]);
      const sends = this.#ledgers[name].sends;
      must(new Set(sends).size === sends.length, `${name}: no attempt is sent twice`);
    }
  }

  /** Looks at the books if somebody has written to them. */
  #check(): void {
    const changes = LEDGERS.reduce((sum, name) => sum + totalChanges(this.#ledgers[name]), 0);
    if (changes === this.#changes) return;
    this.#changes = changes;
    checkBooks(this.#ledgers);
  }

  async #runFor(ms: number): Promise<void> {
    await this.kernel.runUntil(this.kernel.nowMs + ms);
    for (const name of LEDGERS) checkStream(this.#ledgers[name]);
    if (this.#broken !== null) throw this.#broken;
  }

  #drawTrouble(): Trouble {
    const { kernel } = this;
    const often = kernel.pick([0, 0.02, 0.1, 0.3]);
    return {
      failsBefore: kernel.random() * often,
      failsAfter: kernel.random() * often,
      crashes: kernel.pick([0, 0.005, 0.02]),
      duplicates: kernel.pick([0, 0.2, 0.6]),
      delayMsMax: kernel.pick([20, 500, 6_000]),
      // D1 is reached by calls, and the publisher's alarm holds nothing.
      storageThrows: 0,
      alarmsLost: 0,
    };
  }

  #operate(number: number): void {
    const { kernel } = this;
    const user = kernel.pick(USERS);
    const name = kernel.pick(LEDGERS);
    const kind = kernel.random();
    if (kind < 0.6) return this.#transfer(name, user, `k${kernel.chance(0.2) ? number % 3 : number}`, 1 + (number % 3) * 40);
    if (kind < 0.68) return this.#deposit(user, number);
    if (kind < 0.76) return this.#setState(name, user, kernel.chance(0.5) ? "closed" : "open");
    if (kind < 0.84) return this.#poison(name);
    if (kind < 0.92) return this.#redrive(name);
    for (const { id } of parked(this.#ledgers[name])) this.#refund(name, id);
  }

  /** A client that asks until it is told: with the same key, and sometimes twice at once. */
  #transfer(name: LedgerName, user: string, key: string, amount: number): void {
    const { kernel } = this;
    const full = `${name} ${user} ${key} ${amount}`;
    const promised = this.#promised.get(full) ?? { transferId: null, failed: false, open: 0 };
    this.#promised.set(full, promised);
    // The amount is part of the key here: the same key with another payload is refused, which api tests prove.
    const ask = async (): Promise<void> => {
      promised.open += 1;
      for (;;) {
        try {
          const call = (): Promise<{ transferId: string }> =>
            this.#ledgers[name].transfers.transfer(user, amountOf(amount), `${key}-${amount}`);
          const { transferId } = await kernel.rpc(this.#client, `transfer ${full}`, call);
          this.#holds(!promised.failed, `${full}: a key that failed stays failed`);
          this.#holds(promised.transferId === null || promised.transferId === transferId, `${full}: a key stands for one transfer`);
          promised.transferId = transferId;
          break;
        } catch (error) {
          // The other direction uses the same keys: whoever comes second with one is refused for good.
          if (["INSUFFICIENT_FUNDS", "INVALID"].includes(codeOf(error))) {
            this.#holds(promised.transferId === null, `${full}: a key that was taken stays taken`);
            promised.failed = true;
            break;
          }
        }
        await new Promise<void>((resolve) => kernel.after(RETRY_MS, "", resolve));
      }
      promised.open -= 1;
    };
    for (let times = kernel.pick([1, 1, 3]); times > 0; times -= 1) void ask();
  }

  #deposit(user: string, number: number): void {
    const ask = async (): Promise<void> => {
      for (let tries = 0; tries < 30; tries += 1) {
        try {
          await this.kernel.rpc(this.#client, `deposit ${user}`, () =>
            this.#ledgers.wallet.deposit("op", user, amountOf(100), `d${number}-${user}`),
          );
          return;
        } catch {
          await new Promise<void>((resolve) => this.kernel.after(RETRY_MS, "", resolve));
        }
      }
    };
    void ask();
  }

  #setState(name: LedgerName, user: string, state: "open" | "closed"): void {
    this.#byOperator(`${state} ${name} ${user}`, () => this.#ledgers[name].operators.setAccountState("op", user, state));
  }

  #redrive(name: LedgerName): void {
    this.#byOperator(`redrive ${name}`, () => this.#ledgers[name].operators.redrive("op", { status: "parked" }, this.kernel.chance(0.2)));
  }

  #refund(name: LedgerName, id: string): void {
    this.#byOperator(`refund ${id}`, () => this.#ledgers[name].operators.refund("op", id));
  }

  /** An operator tries for a while; what comes of it is seen in the books. */
  #byOperator(what: string, act: () => Promise<unknown>): void {
    const ask = async (): Promise<void> => {
      for (let tries = 0; tries < 5; tries += 1) {
        try {
          await this.kernel.rpc(this.#client, what, act);
          return;
        } catch (error) {
          if (codeOf(error) !== "UNAVAILABLE") return;
          await new Promise<void>((resolve) => this.kernel.after(RETRY_MS, "", resolve));
        }
      }
    };
    void ask();
  }

  #poison(name: LedgerName): void {
    this.#ledgers[name].queue.send([{ v: 99, nonsense: true }, null, "text"]);
  }

  #holds(holds: boolean, what: string): void {
    if (!holds) this.#broken ??= new Error(what);
  }
}
