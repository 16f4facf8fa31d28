import { MAIN_CELL, type Cell } from "../../contracts/cell.ts";
import { CodedError } from "../../contracts/errors.ts";
import type { BusStatus } from "../../contracts/history.ts";
import { shardName } from "../../contracts/shard-name.ts";
import { objectError } from "../../platform/database/platform-errors.ts";
import type { CallPlan } from "../../platform/guard/call-plan.ts";
import type { Guard } from "../../platform/guard/guard.ts";
import type { KafkaRest } from "../../platform/kafka/kafka-rest.ts";
import { objectsOf, type ObjectNamespace } from "../../platform/objects.ts";
import { everyOne } from "../biz/every-one.ts";
import { bodyOf } from "../biz/flush-message.ts";
import type { Bus, BusPartition, PullerRpc } from "../biz/ports.ts";
import { PARTITIONS_MAX, pullerName } from "../biz/puller-name.ts";

interface KafkaBusDeps {
  readonly kafka: KafkaRest;
  readonly guard: Guard;
  readonly pullers: ObjectNamespace;
  readonly pullersGuard: Guard;
  readonly cell: Cell;
  /** Hears of pullers that could not be woken: the sweep wakes them. */
  readonly onFailure: (what: string, error: unknown) => void;
}

/** A request holds at most 800 KB of our largest messages, and a broker takes 1 MB. */
const MESSAGES_PER_REQUEST = 8;
/**
 * Operators wait for all partitions, so that one may take a part of that only, and all of them no
 * more than is left after the topics, in ms.
 */
const OPERATORS_MS = { topics: 1_500, status: 2_000, statuses: 2_500 } as const;

const FOREVER = { deadlineAtMs: Number.POSITIVE_INFINITY } as const;
const SEND = { kind: "write", idempotent: false, ...FOREVER } as const;
const READ = { kind: "read", idempotent: true, ...FOREVER } as const;
const LOOK = { ...READ, attemptsMax: 1 } as const;
const WAKE = { kind: "write", idempotent: true, ...FOREVER } as const;

type PullerPlan = Pick<
  CallPlan<unknown>,
  "kind" | "idempotent" | "deadlineAtMs" | "attemptsMax" | "timeoutMs"
>;

/** The topic of a cell's bus. */
export function busTopic(cell: string): string {
  return cell === MAIN_CELL ? "playhead-history-flush" : `playhead-history-flush-${cell}`;
}

/**
 * The bus of a cell over Kafka: messages are sent under their shard's name, so that those of one
 * shard are in one partition, and whoever has sent something wakes the object that reads it. What
 * could not be sent is not sent again here: the shard's alarm will.
 */
export function kafkaBus({ kafka, guard, pullers, pullersGuard, cell, onFailure }: KafkaBusDeps): Bus {
  const topic = busTopic(cell.name);
  const puller = objectsOf<PullerRpc>(pullers, cell.locationHint);
  const callPuller = async <T>(
    partition: number,
    plan: PullerPlan,
    what: string,
    call: (stub: PullerRpc) => Promise<T>,
  ): Promise<T> =>
    pullersGuard.call(what, plan, async () => {
      try {
        return await call(puller(pullerName({ cell: cell.name, partition })));
      } catch (cause) {
        throw objectError(cause, what);
      }
    });
  const wake = (partition: number): Promise<void> =>
    callPuller(partition, WAKE, "wake a puller", (stub) => stub.wake());

  const countPartitions = (plan: typeof READ | (typeof LOOK & { readonly timeoutMs?: number })) =>
    guard.call("ask for partitions", plan, ({ limitMs }) => kafka.partitions(topic, limitMs));

  async function partitions(plan: Parameters<typeof countPartitions>[0]) {
    const count = await countPartitions(plan);
    // Before the first message there may be no topic yet; without one sending fails, for all to
    // see.
    if (count > PARTITIONS_MAX)
      throw new CodedError("UNAVAILABLE", `The topic ${topic} has ${count} partitions`, {
        failedBelow: true,
      });
    return Array(count).keys();
  }

  return {
    queue: {
      async send(messages) {
        const touched = new Set<number>();
        try {
          for (let from = 0; from < messages.length; from += MESSAGES_PER_REQUEST) {
            const batch = messages.slice(from, from + MESSAGES_PER_REQUEST).map((message) => ({
              key: shardName({ cell: cell.name, shard: message.shard }),
              value: JSON.stringify(bodyOf(message, cell.name)),
            }));
            const places = await guard.call("send to Kafka", SEND, ({ limitMs }) =>
              kafka.produce(topic, batch, limitMs),
            );
            for (const { partition } of places) touched.add(partition);
          }
        } finally {
          await everyOne(touched, wake).catch((error: unknown) => onFailure("wake a puller", error));
        }
      },
    },

    async wakeAll() {
      await everyOne(await partitions(READ), wake);
    },

    async statuses() {
      const asked = await partitions({ ...LOOK, timeoutMs: OPERATORS_MS.topics });
      const plan = {
        ...LOOK,
        ...pullersGuard.patienceOfOne(OPERATORS_MS.statuses),
        timeoutMs: OPERATORS_MS.status,
      };
      const unknown = { ...(cell.name !== MAIN_CELL && { cell: cell.name }), lag: null, late: null };
      const statuses: BusStatus[] = Array.from(asked, (partition) => ({ ...unknown, partition }));
      await everyOne(statuses.keys(), async (partition) => {
        statuses[partition] = await callPuller(partition, plan, "ask a puller", (stub) => stub.status());
      }).catch((error: unknown) => onFailure("ask a puller", error));
      return statuses;
    },

    partition(partition): BusPartition {
      const end = (which: "earliest" | "latest", limit: { readonly timeoutMs?: number }): Promise<number> =>
        guard.call("ask for an offset", { ...LOOK, ...limit }, ({ limitMs }) =>
          kafka.offset(topic, partition, which, limitMs),
        );
      return {
        fetch: (offset) =>
          guard.call("read from Kafka", READ, ({ limitMs }) =>
            kafka.fetch(topic, { partition, offset }, limitMs),
          ),
        async ends(timeoutMs) {
          const limit = timeoutMs === undefined ? {} : { timeoutMs };
          const [first, next] = await Promise.all([end("earliest", limit), end("latest", limit)]);
          return { first, next };
        },
        isGone: async () => (await countPartitions(LOOK)) <= partition,
      };
    },
  };
}
