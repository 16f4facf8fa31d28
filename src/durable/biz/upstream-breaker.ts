import type { CallsSeen, SharedBreakerView, WorkersReport } from "../../contracts/durable.ts";
import {
  SharedBreakerState,
  type StoredBreakerState,
  type BreakerVerdict,
} from "../../resilience/breaker/shared-breaker-state.ts";
import type { ReportPace } from "../../resilience/breaker/report-turns.ts";
import { ReporterCrowd } from "../../resilience/breaker/reporter-crowd.ts";
import type { Clock } from "../../resilience/clock.ts";
import { BreakerCallers } from "./breaker-callers.ts";
import type { ObjectStore } from "./ports.ts";

const KEY = "breaker";

/**
 * The shared breaker of one upstream: its counts are in memory, its state is written whenever it
 * changes. Beside it, and without a say in it, what workers see whose engines decide by themselves.
 */
export class UpstreamBreaker {
  readonly #store: ObjectStore;
  readonly #now: Clock;
  readonly #shared: SharedBreakerState;
  readonly #callers = new BreakerCallers();
  readonly #crowd = new ReporterCrowd();
  #written: StoredBreakerState;

  constructor(store: ObjectStore, now: Clock) {
    this.#store = store;
    this.#now = now;
    this.#shared = new SharedBreakerState({}, store.get(KEY) as StoredBreakerState | undefined);
    this.#written = this.#shared.state;
  }

  /**
   * A verdict leaves only when the state it tells of is written; where that failed, the next report
   * has it written first.
   */
  report(report: WorkersReport): BreakerVerdict {
    this.#noteReport(report);
    const pace = this.#crowd.hear(this.#now(), report);
    const verdict = this.#shared.report(this.#now(), report, pace.reportAfterMs);
    const { state } = this.#shared;
    if (state !== this.#written) {
      this.#store.put(KEY, state);
      this.#written = state;
    }
    return { ...verdict, ...pace };
  }

  /** Whoever decides alone is no less of a crowd. */
  observe({ reporter, keptMs, ...seen }: CallsSeen): ReportPace | undefined {
    const nowMs = this.#now();
    this.#callers.note(nowMs, seen);
    if (reporter === undefined) return undefined;
    return this.#crowd.hear(nowMs, { reporter, ...(keptMs === undefined ? {} : { keptMs }) });
  }

  view(): SharedBreakerView {
    const nowMs = this.#now();
    const { state, version, total, failures, openedAtMs } = this.#shared.view(nowMs);
    return { state, version, total, failures, openedAtMs, callers: this.#callers.view(nowMs) };
  }

  /** What was seen in another state comes again with the next report. */
  #noteReport({ worker, ok, failed, version }: WorkersReport): void {
    if (worker === undefined) return;
    const counts = version === this.#shared.state.version ? { ok, failed } : { ok: 0, failed: 0 };
    this.#callers.note(this.#now(), { worker, engine: "hystrix", ...counts });
  }
}
