import type { CallContext } from "../../../src/contracts/call-context.ts";
import type { LedgerName } from "../../../src/contracts/ledger.ts";
import { backgroundScope } from "../../../src/platform/call/request-scope.ts";
import { CALL_TIMEOUT_MS } from "../../../src/platform/guard/call-timeouts.ts";
import { guardedRpc, type GuardedRpc } from "../../../src/platform/guard/guarded-rpc.ts";
import { SimProcess } from "../kernel/kernel.ts";
import type { LedgerIsolate } from "./ledger-world.ts";
import { simGuards } from "../kernel/sim-guard.ts";
import type { LedgerWorld } from "./sim-ledger.ts";

/* As in src/bff/app/wire.ts and src/bff/ops/wire.ts. */
const QUOTAS_MS = { app: CALL_TIMEOUT_MS.moneyRpc, ops: CALL_TIMEOUT_MS.operatorRpc } as const;
const MAX_CONCURRENT = 256;
const TIMEOUT_MS = 8_000;

type Work<T> = (isolate: LedgerIsolate) => Promise<T>;
/** A ledger as it is reached by RPC, its methods aside: what is to be done there. */
interface Reached {
  readonly ask: <T>(ctx: CallContext, what: string, work: Work<T>) => Promise<T>;
}

/**
 * A BFF: whoever is outside reaches the ledgers through it, its guards in between. It never dies,
 * as no caller's patience is under test.
 */
export class LedgerFront {
  readonly #world: LedgerWorld;
  readonly #rpc: Readonly<Record<LedgerName, GuardedRpc<Reached>>>;
  #calls = 0;

  constructor(world: LedgerWorld, name: keyof typeof QUOTAS_MS) {
    const { kernel, counters } = world;
    this.#world = world;
    const process = new SimProcess(name);
    const makeGuard = simGuards({ kernel, process, now: kernel.now, note: counters.note });
    const reach = (ledger: LedgerName): GuardedRpc<Reached> => {
      const guard = makeGuard(ledger, { timeoutMs: QUOTAS_MS[name], maxConcurrent: MAX_CONCURRENT });
      const ask: Reached["ask"] = (ctx, what, work) =>
        kernel.call(process, what, () => world.ledgers[ledger].serve(ctx, work));
      return guardedRpc({ ask }, guard);
    };
    this.#rpc = { wallet: reach("wallet"), savings: reach("savings") };
  }

  /** May be tried again on the way. */
  idempotently<T>(ledger: LedgerName, what: string, work: Work<T>): Promise<T> {
    return this.#rpc[ledger].idempotentWrite(this.#scope(), what, (service, ctx) =>
      service.ask(ctx, what, work),
    );
  }

  /** Is asked for once. */
  once<T>(ledger: LedgerName, what: string, work: Work<T>): Promise<T> {
    return this.#rpc[ledger].write(this.#scope(), what, (service, ctx) => service.ask(ctx, what, work));
  }

  #scope() {
    this.#calls += 1;
    return backgroundScope(`call-${this.#calls}`, "", this.#world.kernel.nowMs, TIMEOUT_MS);
  }
}
