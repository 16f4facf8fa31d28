import { MAIN_CELL } from "../../contracts/cell.ts";
import type { BusStatus, CellOverview, HistoryOverview, ShardStatus } from "../../contracts/history.ts";
import type {
  RedriveReceipt,
  RedriveRejected,
  RejectedPage,
  RejectedQuery,
} from "../../contracts/rejected.ts";
import { everyOne } from "./every-one.ts";
import { everyShard } from "./every-shard.ts";
import { forgetViews } from "./forget-views.ts";
import type { FailureReader, FailureSummary, RejectedStore, ShardCall } from "./ports.ts";
import { redriveRejected } from "./redrive.ts";
import { listRejected } from "./rejected.ts";
import type { Cells } from "./cells.ts";
import type { ShardDirectory } from "./shard-directory.ts";

/** A cell as operators reach it. */
interface OperatorsCell {
  readonly name: string;
  readonly directory: ShardDirectory;
  readonly callShard: ShardCall;
}

interface OperatorsDeps {
  readonly cells: Cells<OperatorsCell>;
  readonly flushWindowMs: number;
  readonly readFailures: FailureReader;
  /** How far each partition of each cell's bus is read; null where the bus has none. */
  readonly readBus: (() => Promise<readonly BusStatus[]>) | null;
  /** One for each database that is bound, of each cell. */
  readonly rejected: readonly RejectedStore[];
}

/** Hears of what fails beside an answer, which is given all the same. */
type OnFailure = (what: string, error: unknown) => void;

const UNKNOWN = { deadLetters: null, rejected: null, failures: null } as const;

interface CellRead extends CellOverview {
  readonly statuses: readonly ShardStatus[];
}

/** What operators see of the history and do to it, in all cells at once. */
export class Operators {
  readonly #deps: OperatorsDeps;

  constructor(deps: OperatorsDeps) {
    this.#deps = deps;
  }

  /** Has every shard send what is pending. What has been sent is leased: a shard sends it once. */
  async flush(): Promise<{ readonly shards: number }> {
    let flushed = 0;
    await everyOne(this.#deps.cells.all, async ({ directory, callShard }) => {
      const { shards } = await directory.mapping();
      await everyShard(shards, (shard) =>
        callShard(shard, "flush a shard", { kind: "write", idempotent: true }, (stub) => stub.flush()),
      );
      flushed += shards;
    });
    return { shards: flushed };
  }

  async overview(onFailure: OnFailure): Promise<HistoryOverview> {
    const { cells, flushWindowMs } = this.#deps;
    const failures = this.#failures(onFailure);
    const bus = this.#bus(onFailure);
    const main = cells.of();
    const others = cells.all.filter((cell) => cell !== main);
    const [ofMain, ...ofOthers] = await Promise.all([
      readCell(main),
      ...others.map((cell) => readOther(cell, onFailure)),
    ]);
    const read = [ofMain, ...ofOthers];
    return {
      flushWindowMs,
      mappingVersion: ofMain.mappingVersion,
      shards: read.flatMap(({ statuses }) => statuses),
      cells: read.map(({ cell, mappingVersion, shards }) => ({ cell, mappingVersion, shards })),
      ...(await bus),
      ...(await failures),
    };
  }

  rejected(query: RejectedQuery): Promise<RejectedPage> {
    return listRejected(this.#deps.rejected, query);
  }

  async redriveRejected(order: RedriveRejected, onFailure: OnFailure): Promise<RedriveReceipt> {
    const receipt = await redriveRejected(this.#deps.rejected, order);
    if (order.dryRun !== true)
      await this.#forgetViews(new Map(receipt.redriven.map(({ userId, cell }) => [userId, cell])), onFailure);
    return receipt;
  }

  /** Never throws: while a database is away operators need the rest all the more. */
  async #failures(onFailure: OnFailure): Promise<FailureSummary | typeof UNKNOWN> {
    try {
      return await this.#deps.readFailures();
    } catch (error) {
      onFailure("failures not read", error);
      return UNKNOWN;
    }
  }

  /** The same of Kafka. */
  async #bus(onFailure: OnFailure): Promise<Pick<HistoryOverview, "bus">> {
    const { readBus } = this.#deps;
    if (readBus === null) return {};
    try {
      return { bus: await readBus() };
    } catch (error) {
      onFailure("bus not read", error);
      return { bus: null };
    }
  }

  /** @param users - by their ids the cells in whose databases they were found */
  #forgetViews(users: ReadonlyMap<string, string | undefined>, onFailure: OnFailure): Promise<void> {
    const forget = async (userId: string): Promise<void> => {
      const { directory, callShard } = this.#deps.cells.of(users.get(userId));
      await directory.ofUser(userId, (shard, mapping) =>
        callShard(shard, "forget a view", { kind: "write", idempotent: true }, (stub) =>
          stub.forgetView(userId, mapping),
        ),
      );
    };
    return forgetViews(
      { forget, onFailure: (error) => onFailure("view not forgotten", error) },
      new Set(users.keys()),
    );
  }
}

async function readCell({ name, directory, callShard }: OperatorsCell) {
  const { version, shards } = await directory.mapping();
  const statuses: ShardStatus[] = [];
  await everyShard(shards, async (shard) => {
    const status = await callShard(shard, "read a shard's status", { kind: "read" }, (stub) => stub.status());
    statuses.push(name === MAIN_CELL ? status : { ...status, cell: name });
  });
  statuses.sort((a, b) => a.shard - b.shard);
  return { cell: name, mappingVersion: version, shards, statuses };
}

/** Never throws: while a cell is away operators need the rest all the more. */
async function readOther(cell: OperatorsCell, onFailure: OnFailure): Promise<CellRead> {
  try {
    return await readCell(cell);
  } catch (error) {
    onFailure("cell not read", error);
    return { cell: cell.name, mappingVersion: null, shards: null, statuses: [] };
  }
}
