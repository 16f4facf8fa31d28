import type { SharedBreakerView } from "../../contracts/durable.ts";
import {
  BreakerLedger,
  type BreakerLedgerState,
  type BreakerReport,
  type BreakerVerdict,
} from "../../resilience/breaker-ledger.ts";
import type { Clock } from "../../resilience/clock.ts";
import type { ObjectStore } from "./ports.ts";

const KEY = "breaker";

/**
 * The shared breaker of one upstream: its counts are in memory, its state is written whenever it
 * changes.
 */
export class UpstreamBreaker {
  readonly #store: ObjectStore;
  readonly #now: Clock;
  readonly #ledger: BreakerLedger;
  #written: BreakerLedgerState;

  constructor(store: ObjectStore, now: Clock) {
    this.#store = store;
    this.#now = now;
    this.#ledger = new BreakerLedger({}, store.get(KEY) as BreakerLedgerState | undefined);
    this.#written = this.#ledger.state;
  }

  /**
   * A verdict leaves only when the state it tells of is written; where that failed, the next report
   * has it written first.
   */
  report(report: BreakerReport): BreakerVerdict {
    const verdict = this.#ledger.report(this.#now(), report);
    const { state } = this.#ledger;
    if (state !== this.#written) {
      this.#store.put(KEY, state);
      this.#written = state;
    }
    return verdict;
  }

  view(): SharedBreakerView {
    const { state, version, total, failures, openedAtMs } = this.#ledger.view(this.#now());
    return { state, version, total, failures, openedAtMs };
  }
}
