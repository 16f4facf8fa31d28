import type { Kafka } from "@upstash/kafka";
import { ChangeFollower, type Taken } from "../../../examples/ledger-changes/follow-changes.ts";
import type { ChangeEvent, LedgerChange, LedgerName } from "../../../src/contracts/ledger.ts";
import type { ApiClient } from "../../../testbed/clients/api-client.ts";

const PAGE = 500;

interface Told {
  readonly follower: ChangeFollower;
  /** What the follower made of each message, in the order in which it read them. */
  readonly taken: readonly Taken[];
  /** By id: what was told again is there once. */
  readonly events: ReadonlyMap<string, ChangeEvent>;
  /** Of messages whose header doesn't say the id of their event. */
  readonly misnamed: readonly string[];
}

/** All of a ledger's topic, as a reader has it who began at the beginning. */
export async function toldChanges(kafka: Kafka, ledger: LedgerName): Promise<Told> {
  const topic = `playhead-${ledger}-changes`;
  const partitions = (await kafka.admin().topics())[topic] ?? 0;
  const follower = new ChangeFollower();
  const taken: Taken[] = [];
  const events = new Map<string, ChangeEvent>();
  const misnamed: string[] = [];
  for (let partition = 0; partition < partitions; partition += 1)
    for (;;) {
      const offset = follower.offsetOf(partition);
      const messages = await kafka.consumer().fetch({ topic, partition, offset, timeout: 500 });
      if (messages.length === 0) break;
      for (const message of messages) {
        taken.push(follower.take(message));
        const event = JSON.parse(message.value) as ChangeEvent;
        events.set(event.id, event);
        const [header, ...more] = message.headers;
        if (header?.key !== "id" || header.value !== event.id || more.length > 0) misnamed.push(event.id);
      }
    }
  return { follower, taken, events, misnamed };
}

/** The same as the ledger itself has it. */
export async function changesOf(
  api: ApiClient,
  token: string,
  ledger: LedgerName,
): Promise<readonly LedgerChange[]> {
  const log: LedgerChange[] = [];
  for (;;) {
    const path = `/v1/ops/changes?ledger=${ledger}&limit=${PAGE}&after=${log.at(-1)?.seq ?? 0}`;
    const { body } = await api.call("GET", path, { token });
    const { items } = body as unknown as { items: readonly LedgerChange[] };
    if (items.length === 0) return log;
    log.push(...items);
  }
}
