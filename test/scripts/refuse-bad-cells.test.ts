import { afterAll, describe, expect, it } from "vitest";
import { databasesOf } from "../../scripts/runtime/migrate.ts";
import { refuseBadCells } from "../../scripts/runtime/refuse-bad-cells.ts";
import { readWorkerConfigs } from "../../scripts/runtime/worker-configs.ts";
import { configsOfTwoCells, RESOURCES_OF_US } from "../support/platforms/second-cell.ts";

const asDeployed = readWorkerConfigs();
const two = configsOfTwoCells();
afterAll(() => two.remove());

/** What is said of a second cell with these resources. */
function saidOf(resources: string): unknown {
  const { configs, remove } = configsOfTwoCells(resources);
  try {
    refuseBadCells(configs, {});
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : error;
  } finally {
    remove();
  }
}

describe("cells", () => {
  it("are as they must be in this repository, and where a second one has its resources", () => {
    expect(() => refuseBadCells(asDeployed, {})).not.toThrow();
    expect(() => refuseBadCells(two.configs, {})).not.toThrow();
    expect(databasesOf(two.configs).map(({ databaseName }) => databaseName)).toContain(
      "playhead-history-us-0",
    );
  });

  it("without what they need are refused by the name of what is missing", () => {
    expect(() => refuseBadCells(asDeployed, { CELLS: "main,us" })).toThrow(
      "the cell us has no database HISTORY_DB_US_0; the cell us has no queue FLUSH_QUEUE_US",
    );
    expect(() => refuseBadCells(two.configs, { CELLS: "main" })).toThrow("there is no cell us");
    expect(() => refuseBadCells(asDeployed, { CELLS: "us" })).toThrow("the cell main is missing");
  });

  it("whose queue nobody reads, or whose dead letters nobody counts, are refused", () => {
    const parts = RESOURCES_OF_US.split(/(?=\[\[queues\.consumers)/);
    const [rest = "", consumer = "", dead = ""] = parts;
    expect(parts).toHaveLength(3);
    expect(saidOf(rest + dead)).toContain("playhead-history-us-flush (FLUSH_QUEUE_US) has no consumer");
    expect(saidOf(rest + consumer)).toContain("playhead-history-us-flush-dead has no consumer");
    expect(saidOf(rest + consumer.replace(/dead_letter_queue.*/, "") + dead)).toContain(
      "needs a dead_letter_queue that ends in -dead",
    );
    expect(saidOf(RESOURCES_OF_US)).toBeNull();
  });
});
