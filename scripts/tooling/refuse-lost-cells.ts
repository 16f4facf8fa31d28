import * as z from "zod";
import { parseCells } from "../../src/contracts/cell.ts";
import { lostCells } from "../../src/identity/biz/lost-cells.ts";
import { LaunchError } from "../runtime/launch-error.ts";
import type { WorkerConfig } from "../runtime/worker-configs.ts";
import type { CommandResult } from "./run-command.ts";

const IDENTITY = "playhead-identity";
const CELLS_IN_USE = "SELECT name FROM cell ORDER BY name";

/** What `wrangler d1 execute --json` writes: the results of each statement. */
const outputSchema = z.tuple([z.object({ results: z.array(z.object({ name: z.string() })) })]);

/**
 * Asks the deployed platform which cells have users. Throws {@link LaunchError} where the config
 * has lost one of them: identity would refuse every call from the moment it is there. Its database
 * must be migrated.
 *
 * @param where the database: `--remote`, or `--local` and a folder
 */
export async function refuseLostCells(
  configs: readonly WorkerConfig[],
  where: readonly string[],
  runWrangler: (args: readonly string[]) => Promise<CommandResult>,
): Promise<void> {
  const identity = configs.find(({ name }) => name === IDENTITY);
  const database = identity?.config.d1_databases[0]?.database_name;
  if (identity === undefined || database === undefined) throw new Error(`${IDENTITY} has no database`);
  const command = ["--json", "--command", CELLS_IN_USE, "-c", identity.path];
  const { ok, output } = await runWrangler(["d1", "execute", database, ...where, ...command]);
  if (!ok) throw new LaunchError(`${database} doesn't say which cells have users: ${output.trim()}`);
  const inUse = namesIn(output);
  const why = lostCells(parseCells(String(identity.config.vars["CELLS"])), inUse);
  if (why !== null) throw new LaunchError(`${identity.path}: ${why}`, { exitCode: 2 });
}

/** Warnings may stand before and after what was asked for. */
function namesIn(output: string): readonly string[] {
  try {
    const [{ results }] = outputSchema.parse(JSON.parse(/^\[$[^]*^\]$/m.exec(output)?.[0] ?? ""));
    return results.map(({ name }) => name);
  } catch (cause) {
    throw new LaunchError("wrangler doesn't say which cells have users in a way we know", { cause });
  }
}
