import type { AccountState } from "../../../src/contracts/ledger-operators.ts";
import { LEDGERS, type LedgerName } from "../../../src/contracts/ledger.ts";
import type { LedgerFront } from "./ledger-front.ts";
import { refusalOf } from "./ledger-asking.ts";
import { outboxOf } from "./ledger-rows.ts";
import type { LedgerModel } from "./ledger-model.ts";
import type { LedgerWorld } from "./sim-ledger.ts";

const ACTOR = "op";
const TRIES_MAX = 5;
const RETRY_MS = 3_000;

/**
 * What operators do to messages and accounts. They try for a while; what comes of it is seen in the
 * books and in the audit trail.
 */
export class LedgerOperators {
  readonly #world: LedgerWorld;
  readonly #model: LedgerModel;
  readonly #front: LedgerFront;

  constructor(world: LedgerWorld, model: LedgerModel, front: LedgerFront) {
    this.#world = world;
    this.#model = model;
    this.#front = front;
  }

  setState(ledger: LedgerName, user: string, state: AccountState): void {
    if (state !== "open") this.#model.everClosed.add(`${ledger} ${user}`);
    if (state === "frozen") this.#model.everFrozen.add(`${ledger} ${user}`);
    void this.#act(async () => {
      await this.#front.once(ledger, `${state} ${user}`, ({ operators }) =>
        operators.setAccountState(ACTOR, user, state),
      );
      this.#model.audited["set-account-state"] += 1;
    });
  }

  /** Makes everything due that is parked, or some messages whatever they are. */
  redrive(ledger: LedgerName, isByIds: boolean, isDryRun: boolean): void {
    const ids = outboxOf(this.#world.ledgers[ledger])
      .filter(() => this.#world.kernel.chance(0.8))
      .map(({ id }) => id);
    const which = isByIds && ids.length > 0 ? { ids } : ({ status: "parked" } as const);
    void this.#act(async () => {
      const { redriven } = await this.#front.once(ledger, "redrive", ({ operators }) =>
        operators.redrive(ACTOR, which, isDryRun),
      );
      if (!isDryRun && redriven.length > 0) this.#model.audited.redrive += 1;
    });
  }

  /** Holds back some of what is under way. */
  park(ledger: LedgerName): void {
    const ids = outboxOf(this.#world.ledgers[ledger])
      .filter(() => this.#world.kernel.chance(0.5))
      .map(({ id }) => id);
    if (ids.length === 0) return;
    void this.#act(async () => {
      const parked = await this.#front.once(ledger, "park", ({ operators }) => operators.park(ACTOR, ids));
      if (parked.length > 0) this.#model.audited.park += 1;
    });
  }

  refund(ledger: LedgerName, id: string): void {
    void this.#act(() =>
      this.#front.idempotently(ledger, `refund ${id}`, ({ operators }) => operators.refund(ACTOR, id)),
    );
  }

  refundParked(): void {
    for (const ledger of LEDGERS)
      for (const { id, state } of outboxOf(this.#world.ledgers[ledger]))
        if (state === "parked") this.refund(ledger, id);
  }

  async #act(act: () => Promise<unknown>): Promise<void> {
    for (let tries = 0; tries < TRIES_MAX; tries += 1) {
      try {
        await act();
        return;
      } catch (error) {
        const refusal = refusalOf(error);
        if (refusal === "CONFLICT") this.#conflict(error);
        if (refusal !== null) return;
        await new Promise<void>((resolve) => this.#world.kernel.after(RETRY_MS, "", resolve));
      }
    }
  }

  #conflict(error: unknown): void {
    const text = describe(error);
    if (/has arrived/.test(text)) this.#world.counters.note("refund refused: it has arrived");
    if (/under way/.test(text)) this.#world.counters.note("refund refused: it is under way");
  }
}

function describe(error: unknown): string {
  return error instanceof Error ? `${error.message} ${describe(error.cause)}` : "";
}
