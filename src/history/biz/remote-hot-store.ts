import type { Clock } from "../../resilience/clock.ts";
import { CodedError } from "../../contracts/errors.ts";
import type { DurablePending } from "./durable-pending.ts";
import type { HotStore, RemoteValues, Reported, ValueKey } from "./ports.ts";
import {
  comparePositions,
  itemName,
  type Confirmation,
  type HistoryRecord,
  type RecordKey,
} from "./record.ts";
import type { UnloadedValue } from "./unloaded-values.ts";

interface RemoteHotStoreDeps {
  readonly durable: DurablePending;
  readonly values: RemoteValues;
  /** Whether keys alone may be written down: older code would not know them. */
  readonly mayWriteKeys: () => boolean;
  /**
   * Hears of values that were to be there and aren't: what was acknowledged of them is lost, unless
   * the shard has it in memory.
   */
  readonly onMissing: (missing: { readonly lost: number; readonly kept: number }) => void;
  readonly now: Clock;
  readonly onBackgroundFailure: (what: string, error: unknown) => void;
}

/** Values in one call. */
const VALUES_PER_CALL = 500;
/** Values that are read back in one go of {@link RemoteHotStore.tend}. */
const LOADED_AT_ONCE = 4_000;
/** Values that are needed no more and of which the endpoint could not be told. */
const COPIES_LEFT_MAX = 10_000;
/** How long an endpoint that has failed is left alone, in ms; twice as long each further time. */
const PAUSE_MS = 500;
const PAUSE_MS_MAX = 10_000;
/**
 * How long after a try what is left to do is tried again, in ms; twice as long each further time.
 */
const RETRY_MS = 1_000;
const RETRY_MS_MAX = 300_000;

interface Pause {
  readonly untilMs: number;
  readonly failures: number;
}

/**
 * Keeps the values of reports outside of the shard, and keys alone in its log, with the endpoint
 * that each is at. The key is written first: the output gate lets no call to an endpoint out before
 * it is on disk. Whoever reports is answered when the value is there; where an endpoint doesn't
 * take it, the log does, in a row of its own.
 *
 * All that is pending is in memory as well, so that a shard that lives has lost nothing. After a
 * restart values are read back, of users who are asked for first.
 *
 * An item stays where its pending state is: only the log takes it over, in one transaction. Another
 * endpoint, or one at all where the log has the value, comes when D1 has confirmed it. So each
 * state is where its row says, or one that is older and was acknowledged.
 */
export class RemoteHotStore implements HotStore {
  readonly isRemote = true;
  readonly #deps: RemoteHotStoreDeps;
  /** Of each user what is on its way to an endpoint. */
  readonly #saving = new Map<string, Set<Promise<void>>>();
  /** What neither an endpoint nor the log has taken, by user. */
  readonly #unsaved = new Map<string, readonly RecordKey[]>();
  /** Values that are needed no more, by endpoint. */
  readonly #left = new Map<string, ValueKey[]>();
  #leftCount = 0;
  /** Endpoints that are left alone for a while. */
  readonly #pauses = new Map<string, Pause>();
  /** Of users whose values are being read. */
  readonly #loading = new Map<string, Promise<void>>();
  /** D1 has confirmed what leaves now, and the endpoints know. */
  #isDropping = false;
  #tendAtMs = 0;
  #tries = 0;

  constructor(deps: RemoteHotStoreDeps) {
    this.#deps = deps;
    deps.durable.tellOfCopies((state, endpoint) => this.#leave(state, endpoint));
    for (const endpoint of new Set(deps.durable.unloaded.all().map((value) => value.endpoint)))
      if (!deps.values.has(endpoint))
        deps.onBackgroundFailure(
          "read values back",
          new RangeError(`values are at the endpoint ${endpoint}, which is not configured`),
        );
  }

  get unread(): number {
    return this.#deps.durable.unloaded.count;
  }

  get dueMs(): number | null {
    if (this.unread + this.#leftCount + this.#unsaved.size === 0) return null;
    // A time that is further away was told by a clock that has been set back since.
    return Math.min(this.#tendAtMs, this.#deps.now() + RETRY_MS_MAX);
  }

  put({ records, isNews }: Reported, nowMs: number): void {
    const { durable, values } = this.#deps;
    for (const userId of new Set(records.map((record) => record.userId))) this.#saveUnsaved(userId);
    const acquired: string[] = [];
    const endpoints = new Map<string, string | null>();
    const endpointFor = (record: HistoryRecord): string | null => {
      const name = `${record.userId}/${itemName(record)}`;
      const known = endpoints.get(name);
      if (known !== undefined) return known;
      const endpoint = this.#endpointFor(record, nowMs);
      if (endpoint !== null && durable.pending.placeOf(record) === undefined) acquired.push(endpoint);
      endpoints.set(name, endpoint);
      return endpoint;
    };
    try {
      durable.write({ records, users: [], isNews, endpointFor }, nowMs);
    } catch (error) {
      for (const endpoint of acquired) values.release(endpoint);
      throw error;
    }
    // As they are pending now: with what is known of them, and the newest of several.
    const elsewhere = new Map<string, Map<string, HistoryRecord>>();
    for (const record of records) {
      const place = durable.pending.placeOf(record);
      const pending = durable.pending.get(record);
      if (pending === undefined || place?.isElsewhere !== true) continue;
      const ofEndpoint = elsewhere.get(place.copyAt) ?? new Map<string, HistoryRecord>();
      elsewhere.set(place.copyAt, ofEndpoint);
      ofEndpoint.set(`${record.userId}/${itemName(record)}`, pending);
    }
    for (const [endpoint, newest] of elsewhere)
      for (const chunk of chunksOf([...newest.values()])) this.#save(endpoint, chunk);
  }

  durable(userId: string): Promise<void> | undefined {
    if (this.#unsaved.has(userId)) {
      try {
        this.#saveUnsaved(userId);
      } catch (error) {
        return Promise.reject(error);
      }
    }
    const saving = this.#saving.get(userId);
    return saving === undefined ? undefined : Promise.all(saving).then(() => undefined);
  }

  isLoaded(userId: string): boolean {
    return !this.#deps.durable.unloaded.has(userId);
  }

  load(userIds: readonly string[]): Promise<void> | undefined {
    const { unloaded } = this.#deps.durable;
    const wanted = [...new Set(userIds)].filter((userId) => unloaded.has(userId));
    if (wanted.length === 0) return undefined;
    this.#loadUsers(wanted.filter((userId) => !this.#loading.has(userId)));
    return Promise.all(wanted.flatMap((userId) => this.#loading.get(userId) ?? [])).then(() => undefined);
  }

  async collect(
    keys: readonly RecordKey[],
    takes: (record: HistoryRecord) => boolean,
  ): Promise<readonly HistoryRecord[]> {
    const { durable } = this.#deps;
    await this.load(keys.map(({ userId }) => userId));
    await this.#settled(keys);
    const records = durable.collect(keys, takes);
    const elsewhere = Map.groupBy(
      records.filter((record) => durable.pending.placeOf(record)?.isElsewhere === true),
      (record) => durable.pending.placeOf(record)?.copyAt ?? "",
    );
    await Promise.all(
      Array.from(elsewhere, ([endpoint, values]) =>
        Promise.all(chunksOf(values).map((chunk) => this.#check(endpoint, chunk))),
      ),
    );
    return records;
  }

  async drop(confirmations: readonly Confirmation[], nowMs: number): Promise<void> {
    const { durable } = this.#deps;
    // A value that is on its way, either way, would stay there for good.
    await this.load(confirmations.map(({ userId }) => userId));
    await this.#settled(confirmations);
    // Of what could not be read back nobody knows whether D1 has all of it.
    const failed = new Set(confirmations.filter((one) => this.#mayBeReadBack(one)));
    let failure: unknown = failed.size > 0 ? new Error("values are not read back yet") : null;
    const byEndpoint = Map.groupBy(
      confirmations.filter((one) => !failed.has(one) && this.#copyOf(one) !== null),
      (one) => this.#copyOf(one)?.endpoint ?? "",
    );
    await Promise.all(
      Array.from(byEndpoint, async ([endpoint, ofEndpoint]) => {
        for (const chunk of chunksOf(ofEndpoint)) {
          const states = chunk.flatMap((one) => this.#copyOf(one)?.state ?? []);
          try {
            await this.#tell(endpoint, states);
          } catch (error) {
            failure = error;
            for (const one of chunk) failed.add(one);
          }
        }
      }),
    );
    this.#isDropping = true;
    try {
      durable.confirm(
        confirmations.filter((one) => !failed.has(one)),
        nowMs,
      );
    } finally {
      this.#isDropping = false;
    }
    if (failure !== null)
      throw new CodedError("UNAVAILABLE", "The hot store can't be told what D1 has", { cause: failure });
  }

  async forget(userId: string, nowMs: number): Promise<void> {
    const { durable, values } = this.#deps;
    const items: readonly RecordKey[] = [
      ...durable.pending.ofUser(userId),
      ...durable.unloaded.ofUser(userId),
    ].map(({ kind, itemId }) => ({ userId, kind, itemId }));
    const saving = [...(this.#saving.get(userId) ?? [])];
    durable.erase(userId, nowMs);
    this.#unsaved.delete(userId);
    for (const [endpoint, left] of this.#left) {
      const others = left.filter((state) => state.userId !== userId);
      this.#leftCount -= left.length - others.length;
      for (let gone = left.length - others.length; gone > 0; gone -= 1) values.release(endpoint);
      this.#left.set(endpoint, others);
    }
    await Promise.allSettled(saving);
    await values.forget(userId, items);
  }

  async tend(nowMs: number): Promise<void> {
    const aheadMs = this.#tendAtMs - nowMs;
    if (this.dueMs === null || (aheadMs > 0 && aheadMs <= RETRY_MS_MAX)) return;
    this.#tendAtMs = nowMs + Math.min(RETRY_MS * 2 ** Math.min(this.#tries, 10), RETRY_MS_MAX);
    this.#tries += 1;
    for (const userId of this.#unsaved.keys()) {
      try {
        this.#saveUnsaved(userId);
      } catch (error) {
        this.#deps.onBackgroundFailure("take values into the log", error);
        break;
      }
    }
    await this.#loadSome();
    await this.#tellLeft();
    if (this.dueMs === null) this.#tries = 0;
  }

  /** Whatever was on its way to an endpoint for users has come to its end. */
  async #settled(keys: readonly RecordKey[]): Promise<void> {
    const userIds = [...new Set(keys.map(({ userId }) => userId))];
    await Promise.allSettled(userIds.map(async (userId) => this.durable(userId)));
  }

  /** The endpoint that takes a new value of an item; null where the log does. */
  #endpointFor(record: HistoryRecord, nowMs: number): string | null {
    const { durable, values, mayWriteKeys } = this.#deps;
    const place = durable.pending.placeOf(record);
    if (place !== undefined)
      return place.isElsewhere && this.#isWell(place.copyAt, nowMs) ? place.copyAt : null;
    const isHere = durable.pending.get(record) !== undefined || durable.unloaded.get(record) !== undefined;
    if (isHere || !values.takesNew || !mayWriteKeys()) return null;
    const endpoint = values.acquire(record.userId);
    if (this.#isWell(endpoint, nowMs)) return endpoint;
    values.release(endpoint);
    return null;
  }

  #isWell(endpoint: string, nowMs: number): boolean {
    const pause = this.#pauses.get(endpoint);
    // A pause longer than any was begun by a clock that has been set back since.
    const leftMs = (pause?.untilMs ?? nowMs) - nowMs;
    return this.#deps.values.has(endpoint) && (leftMs <= 0 || leftMs > PAUSE_MS_MAX);
  }

  #failed(endpoint: string, what: string, error: unknown): void {
    const { now, onBackgroundFailure } = this.#deps;
    const failures = (this.#pauses.get(endpoint)?.failures ?? 0) + 1;
    const pauseMs = Math.min(PAUSE_MS * 2 ** Math.min(failures - 1, 10), PAUSE_MS_MAX);
    this.#pauses.set(endpoint, { untilMs: now() + pauseMs, failures });
    onBackgroundFailure(what, error);
  }

  /** Sends values to their endpoint; those that it does not take go into the log. */
  #save(endpoint: string, records: readonly HistoryRecord[]): void {
    const saving = this.#saveOrLog(endpoint, records);
    const userIds = new Set(records.map(({ userId }) => userId));
    for (const userId of userIds) {
      const ofUser = this.#saving.get(userId) ?? new Set<Promise<void>>();
      this.#saving.set(userId, ofUser.add(saving));
    }
    const done = (): void => {
      for (const userId of userIds) {
        const ofUser = this.#saving.get(userId);
        ofUser?.delete(saving);
        if (ofUser?.size === 0) this.#saving.delete(userId);
      }
    };
    // Whoever waits for it hears of a failure; it may be that nobody does.
    saving.then(done, done);
  }

  async #saveOrLog(endpoint: string, records: readonly HistoryRecord[]): Promise<void> {
    let refused = records;
    try {
      refused = await this.#deps.values.put(endpoint, records);
      this.#pauses.delete(endpoint);
    } catch (error) {
      this.#failed(endpoint, "keep values outside of the shard", error);
    }
    if (refused.length > 0) this.#takeIntoLog(refused);
  }

  /**
   * Throws where the log doesn't take them either: they are tried again with whatever comes next.
   */
  #takeIntoLog(records: readonly HistoryRecord[]): void {
    const { durable, now } = this.#deps;
    try {
      durable.takeIntoLog(records, now());
    } catch (error) {
      for (const [userId, ofUser] of Map.groupBy(records, (record) => record.userId))
        this.#unsaved.set(userId, [...(this.#unsaved.get(userId) ?? []), ...ofUser]);
      throw error;
    }
  }

  #saveUnsaved(userId: string): void {
    const unsaved = this.#unsaved.get(userId);
    if (unsaved === undefined) return;
    this.#deps.durable.takeIntoLog(unsaved, this.#deps.now());
    this.#unsaved.delete(userId);
  }

  /** All in as few calls as can be: there may be hundreds of users, and six calls at once. */
  #loadUsers(userIds: readonly string[]): void {
    if (userIds.length === 0) return;
    const { unloaded } = this.#deps.durable;
    const loading = this.#load(userIds.flatMap((userId) => unloaded.ofUser(userId))).finally(() => {
      for (const userId of userIds) this.#loading.delete(userId);
    });
    for (const userId of userIds) this.#loading.set(userId, loading);
  }

  /** Reads values back; those that can't be had now stay as they are. Never throws. */
  async #load(wanted: readonly UnloadedValue[]): Promise<void> {
    const { values, now } = this.#deps;
    const byEndpoint = Map.groupBy(wanted, ({ endpoint }) => endpoint);
    await Promise.all(
      Array.from(byEndpoint, async ([endpoint, ofEndpoint]) => {
        for (const chunk of chunksOf(ofEndpoint)) {
          if (!this.#isWell(endpoint, now())) return;
          try {
            this.#found(endpoint, chunk, await values.recall(endpoint, chunk));
          } catch (error) {
            this.#failed(endpoint, "read values back", error);
          }
        }
      }),
    );
  }

  #found(
    endpoint: string,
    wanted: readonly UnloadedValue[],
    values: readonly (HistoryRecord | null)[],
  ): void {
    const { durable, onMissing, now } = this.#deps;
    let lost = 0;
    for (const [index, value] of wanted.entries()) {
      const known = durable.unloaded.get(value);
      if (known === undefined || comparePositions(known, value) !== 0) {
        // It was recalled, and is pending no more: it may go after all.
        if (durable.pending.placeOf(value)?.copyAt !== endpoint) this.#leave(value, endpoint);
        continue;
      }
      const record = values[index] ?? null;
      if (record === null || comparePositions(record, value) < 0) lost += 1;
      durable.loaded(known, record);
    }
    if (lost === 0) return;
    onMissing({ lost, kept: 0 });
    // Else the next restart would miss them again.
    durable.noteGone(now());
  }

  async #loadSome(): Promise<void> {
    const { unloaded } = this.#deps.durable;
    if (unloaded.count > 0) await this.#load(unloaded.all().slice(0, LOADED_AT_ONCE));
  }

  /**
   * Whether an endpoint has what it is to have, when the job comes for it. What it has lost is
   * still here.
   */
  async #check(endpoint: string, records: readonly HistoryRecord[]): Promise<void> {
    const { values, durable, onMissing } = this.#deps;
    let found: readonly (HistoryRecord | null)[];
    try {
      found = await values.get(endpoint, records);
    } catch (error) {
      return this.#failed(endpoint, "read values for the job", error);
    }
    const missing = records.filter((record, index) => {
      const value = found[index] ?? null;
      const isPending = durable.pending.get(record)?.rev === record.rev;
      return isPending && (value === null || comparePositions(value, record) < 0);
    });
    if (missing.length === 0) return;
    onMissing({ lost: 0, kept: missing.length });
    try {
      this.#takeIntoLog(missing);
    } catch (error) {
      this.#deps.onBackgroundFailure("take values into the log", error);
    }
  }

  #mayBeReadBack(key: RecordKey): boolean {
    const value = this.#deps.durable.unloaded.get(key);
    return value !== undefined && this.#deps.values.has(value.endpoint);
  }

  /** What an endpoint has of a record that a confirmation would end. */
  #copyOf(confirmation: Confirmation): { readonly endpoint: string; readonly state: ValueKey } | null {
    const { pending, unloaded } = this.#deps.durable;
    const value = unloaded.get(confirmation);
    if (value !== undefined && value.rev <= confirmation.rev)
      return { endpoint: value.endpoint, state: value };
    const endpoint = pending.placeOf(confirmation)?.copyAt ?? null;
    const record = pending.get(confirmation);
    if (endpoint === null || record === undefined || !pending.wouldEnd(confirmation)) return null;
    return { endpoint, state: record };
  }

  /** Values may go. One that isn't reachable any more has nothing that anybody could ask for. */
  async #tell(endpoint: string, states: readonly ValueKey[]): Promise<void> {
    const { values } = this.#deps;
    if (values.has(endpoint)) await values.drop(endpoint, states);
    for (const _ of states) values.release(endpoint);
  }

  #leave({ userId, kind, itemId, atMs, rev }: ValueKey, endpoint: string): void {
    if (this.#isDropping || !this.#deps.values.has(endpoint)) return;
    if (this.#leftCount >= COPIES_LEFT_MAX) {
      this.#deps.values.release(endpoint);
      return this.#deps.onBackgroundFailure(
        "remember a value that may go",
        new RangeError(`${COPIES_LEFT_MAX} wait`),
      );
    }
    const left = this.#left.get(endpoint) ?? [];
    this.#left.set(endpoint, left);
    left.push({ userId, kind, itemId, atMs, rev });
    this.#leftCount += 1;
  }

  async #tellLeft(): Promise<void> {
    for (const [endpoint, left] of this.#left) {
      const states = left.slice(0, VALUES_PER_CALL);
      if (states.length === 0 || !this.#isWell(endpoint, this.#deps.now())) continue;
      // Told before it is there, a value would stay for good.
      await this.#settled(states);
      try {
        await this.#tell(endpoint, states);
      } catch (error) {
        this.#failed(endpoint, "say which values may go", error);
        continue;
      }
      // What was left meanwhile is behind them; an erasure may have taken some out.
      const told = new Set(states);
      const rest = (this.#left.get(endpoint) ?? []).filter((state) => !told.has(state));
      this.#leftCount -= (this.#left.get(endpoint)?.length ?? 0) - rest.length;
      this.#left.set(endpoint, rest);
    }
  }
}

function chunksOf<T>(items: readonly T[]): readonly (readonly T[])[] {
  const chunks: T[][] = [];
  for (let from = 0; from < items.length; from += VALUES_PER_CALL)
    chunks.push(items.slice(from, from + VALUES_PER_CALL));
  return chunks;
}
