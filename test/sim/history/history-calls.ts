import { codeOf, hintsOf, SPENDING_CAP_RETRY_MS } from "../../../src/contracts/errors.ts";
import type { DatedReport, ReportReceipt } from "../../../src/contracts/history.ts";
import type { Elsewhere, ShardMapping } from "../../../src/history/biz/shard-mapping.ts";
import { spendingCapError } from "../../../src/platform/database/platform-errors.ts";
import { SimProcess, type Kernel } from "../kernel/kernel.ts";
import type { SimShard } from "./history-shard.ts";
import type { HistoryWorld } from "./history-world.ts";

const TIMEOUT_MS = 6_000;
const RETRY_MS = 4_000;
const RETRY_MS_MAX = 60_000;

/** Reports come to a shard: as those of a request, or of a socket. */
export type SendReports = (
  shard: SimShard,
  reports: readonly DatedReport[],
  mapping: ShardMapping,
) => Promise<ReportReceipt | Elsewhere>;

/** How everybody outside calls history: with a patience, and again until there is an answer. */
export class HistoryCalls {
  readonly world: HistoryWorld;
  readonly kernel: Kernel;
  readonly #process = new SimProcess("client");
  /** In what time clients come back who were refused at the spending cap, in ms. */
  backAfterCapMs = (): number => SPENDING_CAP_RETRY_MS;
  /** Calls that still wait for their end. */
  open = 0;

  constructor(world: HistoryWorld) {
    this.world = world;
    this.kernel = world.options.kernel;
  }

  /** Asks the user's shard once. */
  ask<T>(
    userId: string,
    what: string,
    ask: (shard: SimShard, mapping: ShardMapping) => Promise<T | Elsewhere>,
  ): Promise<T> {
    return this.world.ofUser(userId, (shard, mapping) =>
      this.kernel
        .ask(this.#process, what, TIMEOUT_MS, () => ask(shard, mapping))
        .catch((cause: unknown) => {
          throw spendingCapError(cause, what) ?? cause;
        }),
    );
  }

  /** Tries until `once` has worked; `refused` hears of every failure and may end it. */
  async untilDone<T>(
    once: () => Promise<T>,
    refused: (error: unknown) => "again" | "enough" = () => "again",
  ): Promise<T | undefined> {
    for (let tries = 0; ; tries += 1) {
      let waitMs: number | undefined;
      try {
        return await once();
      } catch (error) {
        if (refused(error) === "enough") return undefined;
        waitMs = hintsOf(error).retryAfterMs;
        if (codeOf(error) === "SPENDING_CAP") await this.pause(this.backAfterCapMs());
      }
      await this.pause(Math.min(RETRY_MS_MAX, (waitMs ?? RETRY_MS) * 2 ** tries));
    }
  }

  pause(delayMs = RETRY_MS): Promise<void> {
    return this.kernel.pause(this.#process, delayMs);
  }

  /** Does something on the side, and counts it while it lasts. */
  run(task: () => Promise<void>): void {
    this.open += 1;
    task()
      .catch((error: unknown) =>
        this.world.hold(false, error instanceof Error ? error.message : String(error)),
      )
      .finally(() => (this.open -= 1));
  }
}
