import { execFile, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { freePort } from "./free-port.ts";
import { LaunchError } from "./launch-error.ts";
import { awaitEndOfLeftBehind, endLeftBehind, type OwnServer } from "./left-behind.ts";

const KAFKA: OwnServer = {
  name: "Kafka",
  pidFile: "kafka.pid",
  isIts: (command) => command.startsWith("java ") && command.includes(" kafka.Kafka "),
};
/** Its user, for clients and for itself. */
export const KAFKA_USERNAME = "playhead";
const TIMEOUT_MS = 60_000;
const POLL_MS = 50;
/** Below what the launcher waits. What was acked is with the system. */
const STOP_TIMEOUT_MS = 2_500;
const SAID_LENGTH_MAX = 4_000;
const SETTINGS_FILE = "server.properties";
const HEAP = ["-Xms64m", "-Xmx512m"];
const QUIET = "-Dorg.slf4j.simpleLogger.defaultLogLevel=error";
const TELLS_WHEN_READY = "-Dorg.slf4j.simpleLogger.log.kafka.server.KafkaRaftServer=info";
const READY = "Kafka Server started";

interface KafkaServerOptions {
  /** Where its data and its pid are. */
  readonly dir: string;
  readonly jars: string;
  readonly password: string;
  /** Those it had, to come back where it was; free ones if absent. */
  readonly ports?: KafkaPorts;
  /** Hears that it has ended by itself. */
  readonly onDeath?: () => void;
  readonly signal?: AbortSignal;
}

export interface KafkaPorts {
  readonly client: number;
  /** Where clients are told to go, if something stands between. */
  readonly told?: number;
  readonly controller: number;
}

/** A broker of our own. */
export interface RunningKafka {
  readonly ports: KafkaPorts;
  readonly pid: number;
  readonly stop: () => Promise<void>;
}

/** Ends a broker that was left behind in this folder, whose data is about to be removed. */
export function endKafkaOf(dir: string): void {
  endLeftBehind(KAFKA, dir);
}

/**
 * Starts a single Kafka on 127.0.0.1, broker and controller in one: whoever has no password is
 * refused. Throws {@link LaunchError}.
 */
export async function startKafkaServer(options: KafkaServerOptions): Promise<RunningKafka> {
  const { dir, jars, password, onDeath, signal } = options;
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  await awaitEndOfLeftBehind(KAFKA, dir);
  const ports = options.ports ?? { client: await freePort(), controller: await freePort() };
  // A file, since arguments can be read by every user of the machine.
  writeFileSync(join(dir, SETTINGS_FILE), settings(ports, password), { mode: 0o600 });
  const classes = ["-cp", join(jars, "*")];
  if (!existsSync(join(dir, "data", "meta.properties"))) await format(dir, classes, signal);
  const args = [...HEAP, QUIET, TELLS_WHEN_READY, ...classes, "kafka.Kafka", SETTINGS_FILE];
  const child = spawn("java", args, { cwd: dir, env: environment(), stdio: ["ignore", "pipe", "pipe"] });
  let said = "";
  for (const output of [child.stdout, child.stderr])
    output.setEncoding("utf8").on("data", (text: string) => (said = (said + text).slice(-SAID_LENGTH_MAX)));
  const ended = once(child, "close").catch((cause: unknown) => {
    throw new LaunchError(`java could not be run: ${String(cause)}`, { cause });
  });
  writeFileSync(join(dir, KAFKA.pidFile), `${child.pid ?? 0}\n`);
  const up = async (): Promise<void> => {
    for (const deadline = Date.now() + TIMEOUT_MS; !said.includes(READY); await pause()) {
      signal?.throwIfAborted();
      if (child.exitCode !== null || child.signalCode !== null || Date.now() > deadline)
        throw new LaunchError(`Kafka did not start: ${reasonIn(said)}`);
    }
  };
  try {
    await Promise.race([up(), ended.then(() => up())]);
  } catch (error) {
    // Nobody would stop it later.
    child.kill("SIGKILL");
    throw error;
  }
  let stopping = false;
  void ended.then(() => void (stopping || onDeath?.()));
  const stop = async (): Promise<void> => {
    stopping = true;
    child.kill("SIGTERM");
    const patience = setTimeout(() => child.kill("SIGKILL"), STOP_TIMEOUT_MS);
    await ended;
    clearTimeout(patience);
    rmSync(join(dir, KAFKA.pidFile), { force: true });
  };
  return { ports, pid: child.pid ?? 0, stop };
}

/** Makes the folder a cluster's, once. */
async function format(
  dir: string,
  classes: readonly string[],
  signal: AbortSignal | undefined,
): Promise<void> {
  const id = randomBytes(16).toString("base64url");
  // In one word: an id may begin with a dash.
  const what = ["format", `--cluster-id=${id}`, "--config", SETTINGS_FILE];
  const args = [QUIET, ...classes, "kafka.tools.StorageTool", ...what];
  try {
    const where = { cwd: dir, env: environment(), timeout: TIMEOUT_MS };
    await promisify(execFile)("java", args, { ...where, ...(signal && { signal }) });
  } catch (cause) {
    signal?.throwIfAborted();
    const said = (cause as { readonly stderr?: string }).stderr ?? "";
    throw new LaunchError(`Kafka's folder could not be made: ${reasonIn(said)}`, { cause });
  }
}

/** Where the locale has ASCII only, Java finds no file whose path has more. */
function environment(): NodeJS.ProcessEnv {
  return { ...process.env, LC_ALL: "C.UTF-8" };
}

/**
 * A cluster of one: topics of its own are kept once, nobody waits for others to join a group, and a
 * broker that was killed is back after three seconds instead of nine.
 */
function settings({ client, controller, told = client }: KafkaPorts, password: string): string {
  const quoted = `"${password.replaceAll(/["\\]/g, "\\$&")}"`;
  const login = `org.apache.kafka.common.security.plain.PlainLoginModule required username="${KAFKA_USERNAME}" password=${quoted} user_${KAFKA_USERNAME}=${quoted};`;
  return [
    "process.roles=broker,controller",
    "node.id=1",
    `controller.quorum.voters=1@127.0.0.1:${controller}`,
    `listeners=CLIENT://127.0.0.1:${client},CONTROLLER://127.0.0.1:${controller}`,
    `advertised.listeners=CLIENT://127.0.0.1:${told}`,
    "inter.broker.listener.name=CLIENT",
    "controller.listener.names=CONTROLLER",
    "listener.security.protocol.map=CLIENT:SASL_PLAINTEXT,CONTROLLER:SASL_PLAINTEXT",
    "sasl.enabled.mechanisms=PLAIN",
    "sasl.mechanism.inter.broker.protocol=PLAIN",
    "sasl.mechanism.controller.protocol=PLAIN",
    `listener.name.client.plain.sasl.jaas.config=${escaped(login)}`,
    `listener.name.controller.plain.sasl.jaas.config=${escaped(login)}`,
    // In its own folder: a list of whole paths can have no comma in one.
    "log.dirs=data",
    "auto.create.topics.enable=false",
    "offsets.topic.num.partitions=1",
    "offsets.topic.replication.factor=1",
    "transaction.state.log.num.partitions=1",
    "transaction.state.log.replication.factor=1",
    "transaction.state.log.min.isr=1",
    "group.initial.rebalance.delay.ms=0",
    "broker.session.timeout.ms=3000",
    "broker.heartbeat.interval.ms=1000",
    "",
  ].join("\n");
}

/** Of a file of properties, which is Latin-1 and has its own use for a backslash. */
function escaped(text: string): string {
  return text.replaceAll(/[\\\u0080-\uffff]/g, (unit) =>
    unit === "\\" ? "\\\\" : `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

function reasonIn(said: string): string {
  const lines = said.trim().split("\n");
  return (
    lines.findLast((line) => /error|exception/i.test(line) && !/^\s+at /.test(line)) ?? lines.at(-1) ?? ""
  );
}

async function pause(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, POLL_MS));
}
