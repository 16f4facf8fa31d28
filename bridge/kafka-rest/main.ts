import { stopOnSignal } from "../shared/stop-on-signal.ts";
import { jsonLog } from "./log.ts";
import { readBridgeOptions, USAGE } from "./read-bridge-options.ts";
import { startBridge } from "./start-bridge.ts";

/*
 * A REST front for any Kafka, in the dialect of @upstash/kafka. See README.md beside this file.
 */

try {
  const { help, kafka, login, ...options } = readBridgeOptions(process.argv.slice(2), process.env);
  if (help) {
    process.stdout.write(`${USAGE}\n`);
    process.exit(0);
  }
  const log = jsonLog((line) => void process.stderr.write(`${line}\n`));
  const bridge = await startBridge({ ...options, kafka: kafka(), login: login(), log });
  process.stdout.write(`ready ${bridge.url}\n`);
  log("info", "started", { url: bridge.url });
  stopOnSignal(bridge.close, (signal) => log("info", "stopping", { signal }));
} catch (error) {
  process.stderr.write(`kafka-rest: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
}
