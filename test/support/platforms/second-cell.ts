import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PROJECT_ROOT } from "../../../scripts/runtime/project-root.ts";
import { readWorkerConfigs, type WorkerConfig } from "../../../scripts/runtime/worker-configs.ts";

/** What docs/deploy.md has its reader add to the history's config for a cell `us`. */
export const RESOURCES_OF_US = `
[[d1_databases]]
binding = "HISTORY_DB_US_0"
database_name = "playhead-history-us-0"
migrations_dir = "../../migrations/history"

[[queues.producers]]
binding = "FLUSH_QUEUE_US"
queue = "playhead-history-us-flush"

[[queues.consumers]]
queue = "playhead-history-us-flush"
max_batch_size = 20
max_batch_timeout = 1
max_retries = 5
retry_delay = 10
dead_letter_queue = "playhead-history-us-flush-dead"

[[queues.consumers]]
queue = "playhead-history-us-flush-dead"
max_batch_size = 20
max_batch_timeout = 5
max_retries = 10
retry_delay = 60
`;

const CELLS = 'CELLS = "main"';

/** The project's configs where a user has added a cell `us`, in a folder of their own. */
export interface ConfigsOfTwoCells {
  readonly configs: readonly WorkerConfig[];
  readonly remove: () => void;
}

/**
 * The real configs, but for `more` at the end of history's and the cells that all of them name, in
 * a folder whose code is the project's.
 */
export function configsOfTwoCells(more: string = RESOURCES_OF_US): ConfigsOfTwoCells {
  const folder = mkdtempSync(join(tmpdir(), "playhead-two-cells-"));
  copyConfigs("", folder);
  edit(join(folder, "src/history/wrangler.toml"), (text) => text + more);
  return {
    configs: readWorkerConfigs(folder),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

function edit(path: string, change: (text: string) => string): void {
  writeFileSync(path, change(readFileSync(path, "utf8")));
}

/** Configs are copied, with their cells; what lies beside them is the project's own. */
function copyConfigs(path: string, folder: string): void {
  for (const entry of readdirSync(PROJECT_ROOT + path, { withFileTypes: true })) {
    const file = join(path, entry.name);
    const isLeftOut = path === "" && (entry.name.startsWith(".") || entry.name === "node_modules");
    if (isLeftOut) continue;
    if (entry.name === "wrangler.toml") {
      const text = readFileSync(PROJECT_ROOT + file, "utf8");
      writeFileSync(join(folder, file), text.replace(CELLS, 'CELLS = "main:weur,us:enam"'));
    } else if (entry.isDirectory() && file.split("/")[0] === "src") {
      mkdirSync(join(folder, file));
      copyConfigs(file, folder);
    } else symlinkSync(PROJECT_ROOT + file, join(folder, file));
  }
}
