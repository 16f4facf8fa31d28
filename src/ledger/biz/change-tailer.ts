import type { Clock } from "../../resilience/clock.ts";
import type { ChangeSink, ChangeStore } from "./ports.ts";

interface ChangeTailerDeps {
  readonly store: ChangeStore;
  readonly sink: ChangeSink;
  readonly now: Clock;
}

const CHANGES_PER_BATCH = 100;
const BATCHES_PER_RUN_MAX = 10;
/** No batch is begun after so long, in ms: messages of money wait for the run's end. */
const RUN_MS_MAX = 2_000;

/**
 * Reads the change log by cursor and publishes it: in order of `seq`, and so of each account, at
 * least once. The cursor moves after the sink has taken a batch, so a crash between the two
 * publishes it again. Only one tailer may run: it lives in the ledger's one publisher object.
 */
export class ChangeTailer {
  readonly #deps: ChangeTailerDeps;

  constructor(deps: ChangeTailerDeps) {
    this.#deps = deps;
  }

  /** Publishes what is new, up to a bound. Answers whether more is waiting. */
  async run(): Promise<boolean> {
    const { store, sink, now } = this.#deps;
    const startedAtMs = now();
    let cursor = await store.publishedSeq();
    for (let batch = 0; batch < BATCHES_PER_RUN_MAX; batch += 1) {
      const changes = await store.after(cursor, CHANGES_PER_BATCH);
      const last = changes.at(-1);
      if (last === undefined) return false;
      await sink.publish(changes);
      await store.published(last.seq);
      cursor = last.seq;
      if (changes.length < CHANGES_PER_BATCH) return false;
      if (now() - startedAtMs >= RUN_MS_MAX) return true;
    }
    return true;
  }
}
