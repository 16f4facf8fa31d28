import { CodedError } from "../../contracts/errors.ts";
import { unpackFlushMessage, type FlushMessage } from "./flush-message.ts";
import { LOG_FORMAT } from "./log-format.ts";
import type { FailureKind, ShardPort } from "./ports.ts";
import { readCollected, type Collected } from "./read-collected.ts";
import { confirmationOf, type Confirmation, type RecordKey } from "./record.ts";
import { readStates } from "./user-state-schema.ts";
import { confirmationOfState, type UserState } from "./user-state.ts";

export interface ShardWorkDeps {
  readonly shards: ShardPort;
  /** Hears of failures; the messages they belong to will come again. */
  readonly onFailure: (what: string, error: unknown) => void;
  readonly countFailures: (kind: FailureKind, count: number) => Promise<void>;
}

/** What is safe of all that was collected: written, or set aside. */
export interface Safe {
  readonly records: ReadonlySet<Confirmation>;
  readonly states: ReadonlySet<UserState>;
}

const NOTHING: Collected = { records: [], refused: [], nameless: 0 };

/**
 * What the messages of one run want of one shard: records and states of users, of which one may
 * fail without the other.
 */
export class ShardWork {
  readonly shard: number;
  readonly #keys: readonly RecordKey[];
  readonly #userIds: readonly string[];
  collected: Collected = NOTHING;
  states: readonly UserState[] = [];
  #recordsFailed = false;
  #statesFailed = false;

  constructor(shard: number, messages: readonly FlushMessage[]) {
    this.shard = shard;
    this.#keys = messages.flatMap(unpackFlushMessage);
    this.#userIds = [...new Set(messages.flatMap(({ states = [] }) => states))];
  }

  /** Whether something has failed that the message needs. */
  hasFailed({ users, states = [] }: FlushMessage): boolean {
    return (this.#recordsFailed && users.length > 0) || (this.#statesFailed && states.length > 0);
  }

  /** Asks the shard for all of it. Never throws. */
  async collect(deps: ShardWorkDeps): Promise<void> {
    await Promise.all([this.#collectRecords(deps), this.#collectStates(deps)]);
  }

  /** Tells the shard what is safe. Never throws. */
  async confirm(deps: ShardWorkDeps, safe: Safe): Promise<void> {
    await Promise.all([this.#confirmRecords(deps, safe.records), this.#confirmStates(deps, safe.states)]);
  }

  async #collectRecords({ shards, onFailure, countFailures }: ShardWorkDeps): Promise<void> {
    if (this.#keys.length === 0) return;
    const what = `collect from shard ${this.shard}`;
    try {
      this.collected = readCollected(await shards.collect(this.shard, this.#keys, LOG_FORMAT));
    } catch (error) {
      this.#recordsFailed = true;
      onFailure(what, error);
      return;
    }
    const { nameless } = this.collected;
    if (nameless === 0) return;
    this.#recordsFailed = true;
    onFailure(
      what,
      new CodedError("INTERNAL", `${nameless} records without a key, which stay with the shard`),
    );
    await countFailures("bad_record", nameless);
  }

  async #collectStates({ shards, onFailure, countFailures }: ShardWorkDeps): Promise<void> {
    if (this.#userIds.length === 0) return;
    const what = `collect states from shard ${this.shard}`;
    let bad: number;
    try {
      ({ states: this.states, bad } = readStates(await shards.collectStates(this.shard, this.#userIds)));
    } catch (error) {
      this.#statesFailed = true;
      onFailure(what, error);
      return;
    }
    if (bad === 0) return;
    this.#statesFailed = true;
    onFailure(what, new CodedError("INTERNAL", `${bad} states are none, which stay with the shard`));
    await countFailures("bad_record", bad);
  }

  async #confirmRecords(
    { shards, onFailure }: ShardWorkDeps,
    safe: ReadonlySet<Confirmation>,
  ): Promise<void> {
    const { records, refused } = this.collected;
    const collected = [...records, ...refused.map(({ record }) => record)];
    const confirmations = collected.filter((record) => safe.has(record)).map(confirmationOf);
    if (confirmations.length < collected.length) this.#recordsFailed = true;
    if (confirmations.length === 0) return;
    try {
      await shards.confirm(this.shard, confirmations);
    } catch (error) {
      this.#recordsFailed = true;
      onFailure(`confirm to shard ${this.shard}`, error);
    }
  }

  async #confirmStates({ shards, onFailure }: ShardWorkDeps, safe: ReadonlySet<UserState>): Promise<void> {
    const confirmed = this.states.filter((state) => safe.has(state)).map(confirmationOfState);
    if (confirmed.length < this.states.length) this.#statesFailed = true;
    if (confirmed.length === 0) return;
    try {
      await shards.confirmStates(this.shard, confirmed);
    } catch (error) {
      this.#statesFailed = true;
      onFailure(`confirm states to shard ${this.shard}`, error);
    }
  }
}
