import { MAIN_CELL, type Cell } from "../../contracts/cell.ts";
import type { CallTimer } from "../../platform/guard/call-timer.ts";
import type { Guard } from "../../platform/guard/guard.ts";
import { guardedD1, type GuardedD1Options } from "../../platform/guard/guarded-d1.ts";
import type { MakeGuard, UpstreamOptions } from "../../platform/guard/guard-kit.ts";
import type { KafkaRest } from "../../platform/kafka/kafka-rest.ts";
import type { ObjectNamespace } from "../../platform/objects.ts";
import { fingerprintOf, MAP_BEFORE, type MapBefore } from "../biz/buckets-of-before.ts";
import { databaseNumber } from "../biz/placement.ts";
import type { Bus, FlushQueue, ShardCall, TellComet } from "../biz/ports.ts";
import type { KeptMapping } from "../biz/shard-mapping.ts";
import { cometStubs } from "./comet-stubs.ts";
import type { NamedDatabase } from "./history-databases.ts";
import { kafkaBus } from "./kafka-bus.ts";
import { mappingStub } from "./mapping-stub.ts";
import { queueSender } from "./queue-sender.ts";
import { shardStubs } from "./shard-stubs.ts";

interface CellUpstreamsDeps {
  readonly cell: Cell;
  readonly makeGuard: MakeGuard;
  /** What each kind of upstream needs. */
  readonly limits: Readonly<
    Record<"comet" | "database" | "kafka" | "mapping" | "puller" | "queue" | "shard", UpstreamOptions>
  >;
  readonly databases: readonly NamedDatabase[];
  readonly queue: Queue;
  /** Null where the queue is the bus. */
  readonly kafka: {
    readonly rest: KafkaRest;
    readonly pullers: ObjectNamespace;
    readonly onFailure: (what: string, error: unknown) => void;
  } | null;
  readonly shards: ObjectNamespace;
  readonly mapping: ObjectNamespace;
  /** Absent where there is no realtime worker. */
  readonly comets: ObjectNamespace | undefined;
  /**
   * The map of buckets that the release before went by, where the var that said so is still set.
   */
  readonly before: MapBefore | null;
}

type Databases = readonly [NamedDatabase, ...NamedDatabase[]];

/** What a cell reaches, behind the guards that its shards and entrypoints in an isolate share. */
export class CellUpstreams {
  readonly name: string;
  readonly before: MapBefore | null;
  readonly queue: FlushQueue;
  /** Where Kafka is what `queue` sends to; null elsewhere. */
  readonly bus: Bus | null;
  readonly tellComet: TellComet;
  readonly askMapping: () => Promise<KeptMapping>;
  /** Names of those whose breakers' state isolates share, for operators. */
  readonly shared: readonly string[];
  readonly #databases: readonly (NamedDatabase & { readonly guard: Guard })[];
  readonly #shardDeps: Parameters<typeof shardStubs>[0];

  constructor({ cell, makeGuard, limits, ...deps }: CellUpstreamsDeps) {
    const { name } = cell;
    // What `main` has is named as before there were others.
    const named = (what: string): string =>
      name === MAIN_CELL ? `history-${what}` : `history-${name}-${what}`;
    this.name = name;
    this.before = deps.before;
    this.#databases = deps.databases.map((database) => ({
      ...database,
      guard: makeGuard(named(`db-${databaseNumber(database.name)}`), limits.database),
    }));
    const mapping = makeGuard(named("mapping"), limits.mapping);
    const buckets = fingerprintOf(deps.before ?? MAP_BEFORE);
    this.askMapping = mappingStub({ namespace: deps.mapping, cell, guard: mapping, buckets });
    const { kafka } = deps;
    const guard =
      kafka === null ? makeGuard(named("queue"), limits.queue) : makeGuard(named("kafka"), limits.kafka);
    this.bus =
      kafka === null
        ? null
        : kafkaBus({
            ...kafka,
            kafka: kafka.rest,
            guard,
            pullersGuard: makeGuard(named("puller"), limits.puller),
            cell,
          });
    this.queue = this.bus?.queue ?? queueSender(deps.queue, guard, name);
    this.shared = [...this.#databases.map((database) => database.guard), guard].map(
      ({ upstream }) => upstream,
    );
    this.tellComet = cometStubs({
      namespace: deps.comets,
      guard: makeGuard(named("comet"), limits.comet),
      cell,
    });
    // One for each shard: there are at most 4,096.
    const guards = new Map<number, Guard>();
    const guardOf = (shard: number): Guard => {
      const guard = guards.get(shard) ?? makeGuard(named(`shard-${shard}`), limits.shard);
      guards.set(shard, guard);
      return guard;
    };
    this.#shardDeps = { namespace: deps.shards, cell, guardOf };
  }

  /** The shards, for one whose calls may take so long; if absent, what the guard grants. */
  shards(call: { readonly timeoutMs?: number; readonly timer?: CallTimer } = {}): ShardCall {
    return shardStubs({ ...this.#shardDeps, ...call });
  }

  /** The databases, by whose queries it is. The first one keeps what is one for all of them. */
  databases(query: Omit<GuardedD1Options, "guard">): Databases {
    const [first, ...others] = this.#databases.map(({ name, db, guard }) => ({
      name,
      db: guardedD1(db, { guard, ...query }),
    }));
    if (first === undefined) throw new RangeError(`the cell ${this.name} has no database`);
    return [first, ...others];
  }
}
