import { FrontError } from "../shared/front-error.ts";
import { ConsumerInstance, type Handed, type InstanceSettings } from "./consumer-instance.ts";
import type { KafkaAddress } from "./kafka-address.ts";
import { reasonIn } from "./kafka-failure.ts";
import type { Log } from "./log.ts";
import type { TopicPartitionOffset } from "./topic-partition.ts";

const LOOK_MS = 1_000;

/** As clients read who consumes what. */
export interface GroupJson {
  readonly name: string;
  readonly instances: readonly {
    readonly name: string;
    readonly topics: readonly { readonly topic: string; readonly partitions: readonly number[] }[];
  }[];
}

interface InstancesOptions {
  readonly max: number;
  readonly idleMsMax: number;
  readonly log: Log;
}

/** The members of groups that live in this bridge: so many, and none that nobody asks for. */
export class ConsumerInstances {
  readonly #address: KafkaAddress;
  readonly #options: InstancesOptions;
  readonly #instances = new Map<string, ConsumerInstance>();
  /** Those that are leaving, and still have what a member has. */
  #ending = 0;
  readonly #reaper: NodeJS.Timeout;

  constructor(address: KafkaAddress, options: InstancesOptions) {
    this.#address = address;
    this.#options = options;
    this.#reaper = setInterval(() => this.#reap(), LOOK_MS);
    this.#reaper.unref();
  }

  /** The first call makes the member, by its settings. Throws {@link FrontError}. */
  async consume(settings: InstanceSettings, waitMs: number, stopping: AbortSignal): Promise<Handed> {
    return await this.#take(settings).take(waitMs, stopping);
  }

  /** Null where this bridge has no such member. */
  find(
    groupId: string,
    instanceId: string,
  ): { commit: (offsets: readonly TopicPartitionOffset[] | null) => Promise<void> } | null {
    return this.#instances.get(nameOf(groupId, instanceId)) ?? null;
  }

  async remove(groupId: string, instanceId: string): Promise<void> {
    await this.#end(nameOf(groupId, instanceId), "removed");
  }

  list(): readonly GroupJson[] {
    const groups = Map.groupBy(this.#instances.values(), ({ settings }) => settings.groupId);
    return [...groups].map(([name, instances]) => ({
      name,
      instances: instances.map(({ settings, assignments }) => ({
        name: settings.instanceId,
        topics: assignments.map(({ topic, partitions }) => ({ topic, partitions })),
      })),
    }));
  }

  async close(): Promise<void> {
    clearInterval(this.#reaper);
    await Promise.all([...this.#instances.keys()].map((name) => this.#end(name, "stopped")));
  }

  #take(settings: InstanceSettings): ConsumerInstance {
    const name = nameOf(settings.groupId, settings.instanceId);
    const known = this.#instances.get(name);
    if (known !== undefined) {
      if (known.settings.topics.join() !== settings.topics.join())
        throw new FrontError(
          409,
          `this instance consumes ${known.settings.topics.join(", ")}: remove it first`,
        );
      return known;
    }
    const { max, log } = this.#options;
    if (this.#instances.size + this.#ending >= max)
      throw new FrontError(503, `there are ${max} consumer instances already`);
    const who = { group: settings.groupId, instance: settings.instanceId };
    const made: ConsumerInstance = new ConsumerInstance(this.#address, settings, {
      onFailure: (failure) => {
        log("error", "consumer failed", { ...who, reason: failure.message });
        if (this.#instances.get(name) === made) void this.#end(name, "failed");
      },
      onCommitFailure: (error) => log("error", "commit failed", { ...who, reason: reasonIn(error) }),
    });
    this.#instances.set(name, made);
    log("info", "consumer made", { ...who, topics: settings.topics.join() });
    return made;
  }

  async #end(name: string, why: string): Promise<void> {
    const instance = this.#instances.get(name);
    if (instance === undefined) return;
    this.#instances.delete(name);
    const { groupId, instanceId } = instance.settings;
    this.#ending += 1;
    await instance.close();
    this.#ending -= 1;
    this.#options.log("info", "consumer ended", { group: groupId, instance: instanceId, why });
  }

  #reap(): void {
    const beforeMs = Date.now() - this.#options.idleMsMax;
    for (const [name, instance] of this.#instances)
      if (instance.idleSinceMs < beforeMs) void this.#end(name, "idle");
  }
}

/** Neither name has a blank. */
function nameOf(groupId: string, instanceId: string): string {
  return `${groupId} ${instanceId}`;
}
