import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { GONE_VARS } from "../../src/history/config.ts";
import { LaunchError } from "./launch-error.ts";
import { PROJECT_ROOT } from "./project-root.ts";

/** What a user can say on the command line of `npm start`. */
export interface LaunchOptions {
  readonly port: number;
  /** Where goim's own clients are listened to over TCP; null: nowhere. */
  readonly tcp: { readonly port: number | null; readonly isDefault: boolean };
  /** Absolute. */
  readonly state: string;
  readonly fresh: boolean;
  /** Seconds between two firings of each cron; null: as the configs say. */
  readonly cronSeconds: number | null;
  readonly vars: Readonly<Record<string, string>>;
  /** Whether a redis-server and its REST front are started beside the platform. */
  readonly redis: boolean;
  /** Whether a Kafka and its REST front are, and workers are told of them. */
  readonly kafka: boolean;
  readonly help: boolean;
}

const CRON_SECONDS_MAX = 3_600;
const PORT_MAX = 65_535;
const PORT = /^\d{1,5}$/;
const TCP_PORT_DEFAULT = 3_101;

export const USAGE = `npm start -- [--port 8787] [--tcp-port 3101] [--state .wrangler/state] [--fresh] [--crons-every SECONDS] [--redis] [--kafka] [--var NAME:VALUE …]

  --port N               where the gateway listens on 127.0.0.1 and ::1 (0: a free port)
  --tcp-port N           where goim's own clients are listened to over TCP on 127.0.0.1 (0: nowhere)
  --state DIR            where databases, secrets and logs are kept
  --fresh                forget everything in that folder first: accounts, history, secrets, logs
  --crons-every SECONDS  fire every cron this often instead of on its minute (1 … 3600)
  --redis                start Debian's redis-server too, its data in that folder, and a REST front for @upstash/redis,
                         and keep what of the history is pending there (HOT_STORE)
  --kafka                start a Kafka too, its data in that folder, and a REST front for @upstash/kafka, and use it as the
                         history's bus and for change streams (HISTORY_BUS, CHANGE_SINK); needs Java 17 and mvn
  --var NAME:VALUE       set a var for every worker that knows it; may be repeated
  --help                 this text

Environment: ADMIN_EMAIL and ADMIN_PASSWORD override the generated operator's login; UPSTASH_REDIS_REST_TOKEN has
the token of UPSTASH_REDIS_REST_URL.`;

/**
 * Reads the command line. `knownVars` are the names that some worker's config has; others are
 * refused, since a misspelt one would be ignored silently. A relative `--state` counts from
 * `caller`. Throws {@link LaunchError}.
 */
export function readOptions(
  args: readonly string[],
  knownVars: ReadonlySet<string>,
  caller: string,
): LaunchOptions {
  const { values } = parse(args);
  const port = portIn("--port", values.port);
  const vars: Record<string, string> = {};
  for (const text of values.var) {
    const colon = text.indexOf(":");
    const name = text.slice(0, Math.max(0, colon));
    if (colon < 1) throw usageError(`--var must be NAME:VALUE, got ${text}`);
    if (!knownVars.has(name)) throw usageError(unknownVar(name, knownVars));
    vars[name] = text.slice(colon + 1);
  }
  const cronsEvery = values["crons-every"];
  if (
    cronsEvery !== undefined &&
    !(/^\d{1,4}$/.test(cronsEvery) && Number(cronsEvery) >= 1 && Number(cronsEvery) <= CRON_SECONDS_MAX)
  ) {
    throw usageError(`--crons-every must be in 1 … ${CRON_SECONDS_MAX}, got ${cronsEvery}`);
  }
  const cronSeconds = cronsEvery === undefined ? null : Number(cronsEvery);
  return {
    port,
    tcp: tcpIn(values["tcp-port"], port),
    state: statePath(values.state, caller),
    fresh: values.fresh,
    cronSeconds,
    vars,
    redis: values.redis,
    kafka: values.kafka,
    help: values.help,
  };
}

function portIn(option: string, text: string): number {
  const port = Number(text);
  if (!PORT.test(text) || port > PORT_MAX)
    throw usageError(`${option} must be in 0 … ${PORT_MAX}, got ${text}`);
  return port;
}

/** The default yields to the gateway; a port that both are named is a mistake. */
function tcpIn(text: string | undefined, gatewayPort: number): LaunchOptions["tcp"] {
  if (text === undefined)
    return { port: gatewayPort === TCP_PORT_DEFAULT ? null : TCP_PORT_DEFAULT, isDefault: true };
  const port = portIn("--tcp-port", text);
  if (port !== 0 && port === gatewayPort) throw usageError(`--tcp-port must be another than --port, ${port}`);
  return { port: port === 0 ? null : port, isDefault: false };
}

function unknownVar(name: string, knownVars: ReadonlySet<string>): string {
  const instead = Object.entries(GONE_VARS).find(([gone]) => gone === name)?.[1];
  return instead === undefined
    ? `no worker has a var ${name}; there are ${[...knownVars].sort().join(", ")}`
    : `the var ${name} is gone; in its place: ${instead}`;
}

/**
 * Where a state folder is: the default one in the project, another where its user stands. Throws
 * {@link LaunchError}.
 */
export function statePath(option: string | undefined, caller: string): string {
  if (option?.trim() === "") throw usageError("--state must name a folder, got an empty text");
  return option === undefined ? resolve(PROJECT_ROOT, ".wrangler/state") : resolve(caller, option);
}

/** Where the user stands: npm runs scripts in the project's folder, and tells. */
export function callerFolder(): string {
  return process.env["INIT_CWD"] ?? process.cwd();
}

function usageError(message: string): LaunchError {
  return new LaunchError(message, { exitCode: 2 });
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      strict: true,
      allowPositionals: false,
      options: {
        port: { type: "string", default: "8787" },
        "tcp-port": { type: "string" },
        state: { type: "string" },
        fresh: { type: "boolean", default: false },
        "crons-every": { type: "string" },
        redis: { type: "boolean", default: false },
        kafka: { type: "boolean", default: false },
        var: { type: "string", multiple: true, default: [] as string[] },
        help: { type: "boolean", default: false },
      },
    });
  } catch (cause) {
    throw usageError(
      `${cause instanceof Error ? cause.message.split(". ")[0] : String(cause)}; see npm start -- --help`,
    );
  }
}
