import { stopOnSignal } from "../shared/stop-on-signal.ts";
import { readFrontOptions, USAGE } from "./read-front-options.ts";
import { startFront } from "./start-front.ts";

/*
 * A REST front for a redis-server, in the dialect of @upstash/redis. See README.md beside this
 * file.
 */

try {
  const { help, token, ...options } = readFrontOptions(process.argv.slice(2), process.env);
  if (help) {
    process.stdout.write(`${USAGE}\n`);
    process.exit(0);
  }
  const front = await startFront({
    ...options,
    token: token(),
    tell: (line) => void process.stderr.write(`redis-rest: ${line}\n`),
  });
  process.stdout.write(`ready ${front.url}\n`);
  stopOnSignal(front.close);
} catch (error) {
  process.stderr.write(`redis-rest: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
}
