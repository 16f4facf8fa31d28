import type { Fault, FaultBoardRpc, FaultTarget } from "../../contracts/durable.ts";
import type { Clock } from "../../resilience/clock.ts";
import type { ObjectStore } from "./ports.ts";

interface Row {
  readonly bootId: string;
  readonly fault: Fault;
}

const PREFIX = "fault:";

/**
 * The faults that operators have ordered, a row each, stamped with the boot they were ordered in.
 */
export class FaultsInForce {
  readonly #store: ObjectStore;
  readonly #now: Clock;
  readonly #rows = new Map<string, Row>();

  constructor(store: ObjectStore, now: Clock) {
    this.#store = store;
    this.#now = now;
    for (const [key, row] of store.entries(PREFIX)) this.#rows.set(key.slice(PREFIX.length), row as Row);
  }

  of(bootId: string, target: FaultTarget): Fault | null {
    const row = this.#rows.get(target);
    if (row === undefined || row.bootId !== bootId) return null;
    return row.fault.untilMs === null || this.#now() < row.fault.untilMs ? row.fault : null;
  }

  set(bootId: string, target: FaultTarget, fault: Fault | null): void {
    // Stored first: what memory says must not be undone by a restart.
    if (fault === null) {
      this.#store.delete(PREFIX + target);
      this.#rows.delete(target);
      return;
    }
    const row: Row = { bootId, fault };
    this.#store.put(PREFIX + target, row);
    this.#rows.set(target, row);
  }

  all(bootId: string): Awaited<ReturnType<FaultBoardRpc["all"]>> {
    const inForce: Partial<Record<FaultTarget, Fault>> = {};
    for (const target of this.#rows.keys()) {
      const fault = this.of(bootId, target as FaultTarget);
      if (fault !== null) inForce[target as FaultTarget] = fault;
    }
    return inForce;
  }
}
