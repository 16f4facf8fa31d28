import { observationOf, type Observation } from "../../../testbed/cost/observation.ts";
import { usageOf, type Meter, type Usage } from "../../../testbed/cost/usage.ts";
import type { WorkerConfig } from "../../../scripts/runtime/worker-configs.ts";
import { ASSUMED_BYTES } from "./published-prices.ts";

const BYTES_PER_GIGABYTE = 1e9;
const DELETES = /^\s*delete\b/i;
const UNUSED = { lines: 0, invocations: 0, spans: 0 } as const;

type Counting = "nothing" | "deletions" | "all";

/** Counts everything that is billed while it is on, and what it was for. */
export class Meters {
  readonly #observed: ReadonlyMap<string, Observation>;
  readonly #counts = new Map<Meter, number>();
  readonly #details = new Map<string, number>();
  #counting: Counting = "nothing";

  constructor(configs: readonly WorkerConfig[]) {
    this.#observed = new Map(
      configs.map(({ name, config }) => [name, observationOf(config.observability ?? {})]),
    );
  }

  /** Forgets what was counted, and counts from here on. */
  start(): void {
    this.#counts.clear();
    this.#details.clear();
    this.#counting = "all";
  }

  /** Goes on with what is deleted and nothing else: what is left behind is taken away one day. */
  countDeletions(): void {
    this.#counting = "deletions";
  }

  stop(): void {
    this.#counting = "nothing";
  }

  /** Whether the rows of a statement are counted that is run now. */
  readonly countsStatement = (query: string): boolean =>
    this.#counting === "all" || (this.#counting === "deletions" && DELETES.test(query));

  /** @param detail - what it was for, as operators would ask */
  add(meter: Meter, amount: number, detail?: string): void {
    if (this.#counting !== "all") return;
    this.#counts.set(meter, (this.#counts.get(meter) ?? 0) + amount);
    if (detail !== undefined) this.#details.set(detail, (this.#details.get(detail) ?? 0) + amount);
  }

  /** A worker or an object is run: by a request, a call, an alarm, a batch or a cron. */
  invoked(worker: string): void {
    const { invocations, spans } = this.#observed.get(worker) ?? UNUSED;
    this.add("logEvents", invocations);
    this.#volume(invocations * ASSUMED_BYTES.invocationBytes);
    this.#span(spans);
  }

  /** A worker calls something that is bound to it. */
  called(worker: string): void {
    this.#span((this.#observed.get(worker) ?? UNUSED).spans);
  }

  /** A worker writes a line to its log. */
  wrote(worker: string, line: string): void {
    const { lines } = this.#observed.get(worker) ?? UNUSED;
    this.add("logEvents", lines, `lines of ${worker}`);
    this.#volume(lines * (Buffer.byteLength(line) + ASSUMED_BYTES.lineAttributesBytes));
  }

  get usage(): Usage {
    return usageOf((meter) => this.#counts.get(meter) ?? 0);
  }

  /** How much there was of each detail, the most first. */
  get details(): readonly (readonly [detail: string, amount: number])[] {
    return [...this.#details].sort(([, a], [, b]) => b - a);
  }

  #span(share: number): void {
    this.add("spans", share);
    this.#volume(share * ASSUMED_BYTES.spanBytes);
  }

  #volume(bytes: number): void {
    this.add("observedGigabytes", bytes / BYTES_PER_GIGABYTE);
  }
}
