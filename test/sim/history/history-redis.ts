import type { LoggedRecord } from "../../../src/history/biz/ports.ts";
import type { RemoteValues } from "../../../src/history/biz/ports.ts";
import { comparePositions, itemName, type HistoryRecord } from "../../../src/history/biz/record.ts";
import { decodeRow } from "../../../src/history/data/log-codec.ts";
import { CALL_TIMEOUT_MS } from "../../../src/platform/guard/call-timeouts.ts";
import { HashRing } from "../../../src/resilience/hash/hash-ring.ts";
import { EndpointInMemory } from "../../history/support/endpoint-in-memory.ts";
import { recordName } from "../../support/databases/history-records.ts";
import type { SimStorage } from "../kernel/sim-storage.ts";
import type { AskingShard, HistoryScene } from "./history-scene.ts";
import { isStored } from "./history-stored.ts";

/*
 * PLACE OF CONSTRUCTION: here the values of a shard are built, as `RedisValues` does it, over Redis
 * endpoints that promise little: calls are lost on either side, servers are away, are full, and
 * come back as a replica had them a while ago.
 */

const ENDPOINTS = ["main", "b"] as const;
/** How long a value is kept that D1 has, in ms; shorter than in production, so that some end. */
const KEPT_MS = 600_000;
const AWAY_MS_MAX = 60_000;
const [COPIES_MAX, FAILOVERS_MAX, OUTAGES_MAX, SWITCHES_MAX] = [6, 3, 3, 3];
/** Of the worlds so many switch their hot store while everything goes wrong. */
const SWITCHED = 0.5;

interface Endpoint {
  readonly name: string;
  readonly kept: EndpointInMemory;
  state: "well" | "away" | "full";
}

/** The Redis of a world, and what of it is promised to be lost. */
export class HistoryRedis {
  readonly #world: HistoryScene;
  readonly #endpoints: readonly Endpoint[] = ENDPOINTS.map((name) => ({
    name,
    kept: new EndpointInMemory(),
    state: "well",
  }));
  /** Whether reports go there; what is there already is looked after anyway. */
  #takesNew = true;
  /** States of which a log has, or had, at least the key. */
  readonly #written = new Set<string>();
  /** In which step of the world the value of a record was sent last. */
  readonly #sent = new Map<string, number>();
  /** States whose keys are written and whose values nobody needs: they are beyond what is kept. */
  readonly #beyond = new Set<string>();
  /** States that are durable, by record and revision: wherever they are. */
  readonly #durable = new Set<string>();
  /** What a failover took back, and the endpoint it was at: the shard may have it in memory. */
  readonly #takenBack = new Map<string, { readonly record: HistoryRecord; readonly endpoint: Endpoint }>();
  /** Names of values that may be there for good: nobody lives who knows that they may go. */
  readonly #orphans = new Set<string>();
  /** Users whose values a failover may have brought back after their erasure. */
  readonly #broughtBack = new Set<string>();

  constructor(world: HistoryScene) {
    this.#world = world;
  }

  /** Everything that is going to happen to it. */
  planTrouble(): void {
    const { kernel, troubleMs } = this.#world.options;
    const sometime = (most: number, run: () => void): void => {
      for (let left = Math.floor(kernel.random() * (most + 1)); left > 0; left -= 1)
        kernel.after(Math.floor(kernel.random() * troubleMs), "", run);
    };
    sometime(COPIES_MAX, () => kernel.pick(this.#endpoints).kept.copy());
    sometime(FAILOVERS_MAX, () => this.#failOver(kernel.pick(this.#endpoints)));
    sometime(OUTAGES_MAX, () => this.#outage(kernel.pick(this.#endpoints)));
    if (kernel.chance(SWITCHED)) sometime(SWITCHES_MAX, () => this.#switch());
  }

  heal(): void {
    for (const endpoint of this.#endpoints) endpoint.state = "well";
  }

  /** What one instance of a shard reaches. */
  valuesFor(shard: AskingShard): RemoteValues {
    const { counters, options } = this.#world;
    const { kernel } = options;
    const ring = new HashRing(ENDPOINTS);
    const call = <T>(what: string, name: string, effect: (kept: EndpointInMemory) => T): Promise<T> => {
      const endpoint = this.#endpointNamed(name);
      return shard.leave(`${what} Redis ${name}`, CALL_TIMEOUT_MS.cache, () => {
        if (endpoint.state === "away" || (endpoint.state === "full" && what === "write to")) {
          counters.note(endpoint.state === "away" ? "Redis away" : "Redis full");
          throw new Error(`Redis ${name} is ${endpoint.state}`);
        }
        return effect(endpoint.kept);
      });
    };
    const values: RemoteValues = {
      takesNew: this.#takesNew,
      acquire: (userId) => ring.acquire(userId),
      release: (endpoint) => ring.release(endpoint),
      has: (endpoint) => this.#endpoints.some(({ name }) => name === endpoint),
      put: (endpoint, records) => {
        for (const record of records) this.#sent.set(recordName(record), kernel.steps);
        return call("write to", endpoint, (kept) => {
          const refused = kept.put(records);
          counters.note("older value refused by Redis", refused.length);
          // What is refused was overtaken by what is there, or is in the log before it is answered.
          for (const record of records) this.#landed(record);
          return refused;
        }).catch((error: unknown) => {
          // It may come yet, after all that follows.
          for (const record of records) this.#orphans.add(recordName(record));
          throw error;
        });
      },
      get: (endpoint, keys) => call("read from", endpoint, (kept) => kept.get(keys, kernel.now())),
      recall: (endpoint, states) =>
        call("recall from", endpoint, (kept) => kept.recall(states, kernel.now())),
      drop: (endpoint, states) =>
        call("tell", endpoint, (kept) => {
          kept.drop(states, kernel.nowMs + KEPT_MS);
          counters.note("value given a lifetime", states.length);
        }),
      forget: async (userId) => {
        for (const { name } of this.#endpoints) {
          await call("mark in", name, (kept) => kept.refuse(userId));
          await call("delete from", name, (kept) => kept.remove(userId));
        }
      },
    };
    return this.#world.options.mutation.values?.(values) ?? values;
  }

  /** A state is written down, and its value is to be there; false where it was already. */
  isNew(record: HistoryRecord): boolean {
    return !this.#written.has(stateName(record));
  }

  written(record: LoggedRecord): void {
    this.#written.add(stateName(record));
    if (record.valueAt === undefined) return;
    const { kernel } = this.#world.options;
    kernel.atTurnEnd(() => {
      if (this.#sent.get(recordName(record)) !== kernel.steps) this.#beyond.add(stateName(record));
    });
  }

  /** Of the records of a row those that are durable by it, and were not before. */
  nowInLog(records: readonly LoggedRecord[]): readonly LoggedRecord[] {
    return records.filter((record) => {
      const isHere = record.valueAt === undefined || this.#beyond.has(stateName(record));
      return isHere && this.#becomesDurable(record);
    });
  }

  #becomesDurable(record: HistoryRecord): boolean {
    const name = stateName(record);
    if (this.#durable.has(name)) return false;
    this.#durable.add(name);
    return true;
  }

  /**
   * An instance of a shard is gone with its memory: what a failover took back from it, and neither
   * its log nor D1 has, is what is promised to be lost.
   */
  died(shard: number, storage: SimStorage): void {
    for (const { kept } of this.#endpoints)
      for (const [name, { record }] of kept.values)
        if (this.#world.shardOf(record.userId) === this.#world.shard(shard)) this.#orphans.add(name);
    const taken = [...this.#takenBack].filter(
      ([, { record }]) => this.#world.shardOf(record.userId) === this.#world.shard(shard),
    );
    if (taken.length === 0) return;
    const logged = Map.groupBy(recordsIn(storage), recordName);
    for (const [name, { record, endpoint }] of taken) {
      this.#takenBack.delete(name);
      const again = endpoint.kept.values.get(name)?.record;
      const isInLog = (logged.get(name) ?? []).some((known) => comparePositions(known, record) >= 0);
      if (isInLog || (again !== undefined && comparePositions(again, record) >= 0)) continue;
      this.#lose(record);
    }
  }

  /** Whether nothing is left of who was erased, but for what a failover has brought back. */
  isGone(userId: string): boolean {
    if (this.#broughtBack.has(userId)) return true;
    return this.#endpoints.every(({ kept }) => kept.valuesOf(userId) === 0);
  }

  /** When nothing is pending any more: values that stay though whoever put them has lived on. */
  leftForGood(): readonly string[] {
    return this.#endpoints.flatMap(({ kept }) =>
      [...kept.values].flatMap(([name, { endsAtMs }]) =>
        endsAtMs === null && !this.#orphans.has(name) ? [name] : [],
      ),
    );
  }

  #landed(record: HistoryRecord): void {
    this.#world.counters.note("value kept in Redis");
    if (this.#becomesDurable(record)) this.#world.model.persisted({ records: [record], users: [] }, true);
  }

  #failOver(endpoint: Endpoint): void {
    const { counters, model } = this.#world;
    counters.note("Redis failed over to an older copy");
    const taken = endpoint.kept.failOver();
    counters.note("value taken back by a failover", taken.length);
    for (const name of endpoint.kept.values.keys()) this.#orphans.add(name);
    for (const record of taken) {
      const known = this.#takenBack.get(recordName(record))?.record;
      if (known === undefined || comparePositions(record, known) > 0)
        this.#takenBack.set(recordName(record), { record, endpoint });
      // Nobody has it in memory where its shard has not read it back yet.
      if (!this.#world.hasRead(record.userId)) this.#lose(record);
    }
    for (const userId of endpoint.kept.users())
      if (model.user(userId).erasure !== "none") this.#broughtBack.add(userId);
  }

  #lose(record: HistoryRecord): void {
    if (!isStored(this.#world, record)) this.#world.counters.note("value lost by Redis");
    // What D1 has already may seem to be as it was before, until D1 is asked.
    this.#world.model.lost(record);
  }

  #outage(endpoint: Endpoint): void {
    const { kernel } = this.#world.options;
    endpoint.state = kernel.pick(["away", "away", "full"]);
    kernel.after(Math.floor(kernel.random() * AWAY_MS_MAX), "", () => (endpoint.state = "well"));
  }

  #switch(): void {
    this.#takesNew = !this.#takesNew;
    this.#world.counters.note(
      this.#takesNew ? "hot store switched to Redis" : "hot store switched to the shard",
    );
    this.#world.redeploy();
  }

  #endpointNamed(name: string): Endpoint {
    const endpoint = this.#endpoints.find((one) => one.name === name);
    if (endpoint === undefined) throw new RangeError(`there is no endpoint ${name}`);
    return endpoint;
  }
}

function stateName(record: HistoryRecord): string {
  return `${record.userId}/${itemName(record)}@${record.rev}`;
}

/** The values that a shard's log has itself. */
function recordsIn(storage: SimStorage): HistoryRecord[] {
  return ["log", "snapshot"]
    .flatMap((table) => storage.inspect(`SELECT payload FROM ${table}`))
    .flatMap(({ payload }) => (payload instanceof Uint8Array ? decodeRow(payload).records : []));
}
