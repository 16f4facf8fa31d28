import { parseCells, type Cell } from "../../src/contracts/cell.ts";
import { requireCellBindings } from "../../src/history/biz/cell-bindings.ts";
import { LaunchError } from "./launch-error.ts";
import type { WorkerConfig } from "./worker-configs.ts";

type Vars = Readonly<Record<string, string>>;

const HISTORY = "playhead-history";
/** By this the consumer knows them (`src/platform/queue-messages.ts`). */
const DEAD_LETTERS = "-dead";

/**
 * Refuses configs whose cells can't work: one without a database or queue, a queue that nobody
 * reads, a cell that one worker knows and history, which has its users, doesn't. History's worker
 * itself would refuse some of it at its first call, and find out some of it never. Throws
 * {@link LaunchError} with everything that is wrong.
 */
export function refuseBadCells(configs: readonly WorkerConfig[], vars: Vars): void {
  const history = configs.find(({ name }) => name === HISTORY);
  if (history === undefined) return;
  const reasons: string[] = [];
  try {
    const cells = cellsOf(history, vars);
    requireCellBindings(cells, bindingsOf(history));
    reasons.push(...queueFaultsOf(history));
    const ours = new Set(cells.map(({ name }) => name));
    for (const other of configs) {
      if (!("CELLS" in other.config.vars)) continue;
      const strange = cellsOf(other, vars).filter(({ name }) => !ours.has(name));
      for (const { name } of strange)
        reasons.push(`${other.name} has a cell ${name}, and ${HISTORY} has none`);
    }
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    reasons.push(error.message);
  }
  if (reasons.length > 0)
    throw new LaunchError(`bad configuration: CELLS: ${reasons.join("; ")}`, { exitCode: 2 });
}

/** A worker's cells, as it is configured or as its user has them. */
function cellsOf({ config }: WorkerConfig, vars: Vars): readonly Cell[] {
  return parseCells(vars["CELLS"] ?? String(config.vars["CELLS"]));
}

function bindingsOf({ config }: WorkerConfig): readonly string[] {
  return [...config.d1_databases, ...(config.queues.producers ?? [])].map(({ binding }) => binding);
}

/** A queue without consumer keeps what is sent to it until it expires, and tells nobody. */
function queueFaultsOf({ config }: WorkerConfig): readonly string[] {
  const consumers = new Map((config.queues.consumers ?? []).map((consumer) => [consumer.queue, consumer]));
  return (config.queues.producers ?? []).flatMap(({ binding, queue = "" }) => {
    const consumer = consumers.get(queue);
    if (consumer === undefined) return [`the queue ${queue} (${binding}) has no consumer`];
    const dead = consumer.dead_letter_queue ?? "";
    if (!dead.endsWith(DEAD_LETTERS))
      return [`the queue ${queue} needs a dead_letter_queue that ends in ${DEAD_LETTERS}`];
    return consumers.has(dead) ? [] : [`the queue ${dead} has no consumer`];
  });
}
