import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { startBridge, type Bridge } from "../../bridge/kafka-rest/start-bridge.ts";
import type { Log } from "../../bridge/kafka-rest/log.ts";
import { secretOfFile } from "../../bridge/shared/secret-file.ts";
import { JARS_FOLDER, kafkaJars, missingForKafka } from "./kafka-jars.ts";
import { KAFKA_USERNAME, startKafkaServer } from "./kafka-server.ts";
import { LaunchError } from "./launch-error.ts";

interface KafkaDeps {
  readonly say: (text: string) => void;
  readonly complain: (text: string) => void;
  readonly onDeath: (part: string) => void;
  readonly signal: AbortSignal;
  /** Where a broker's jars are, or are brought to; {@link JARS_FOLDER} if absent. */
  readonly jarsFolder?: string;
}

/** A broker with its front, and what workers are told of them. */
export interface StartedKafka {
  readonly vars: Readonly<Record<string, string>>;
  readonly secrets: Readonly<Record<string, string>>;
  readonly stop: () => Promise<void>;
}

/** The front's, if it is free, so that its URL can be written down somewhere. */
const PORT_PREFERRED = 8078;
/** Of each topic that somebody asks for: locally nobody makes them before. */
const PARTITIONS = 4;
/** Below what the launcher waits, together with the broker's. */
const STOP_MS_MAX = 1_000;
const NOTHING: StartedKafka = { vars: {}, secrets: {}, stop: async () => undefined };

/**
 * A Kafka with its data in the state folder, and the REST front before it; where there is no Java
 * for it, or no mvn that brings its jars, only a line that says so. The broker's password is the
 * front's.
 */
export async function startKafka(
  stateDir: string,
  knownVars: ReadonlySet<string>,
  deps: KafkaDeps,
): Promise<StartedKafka> {
  const { say, complain, onDeath, signal } = deps;
  const jars = await jarsOrNull(deps);
  if (jars === null) return NOTHING;
  const dir = join(stateDir, "kafka");
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const passwordFile = join(dir, "password");
  const password = secretOfFile(passwordFile);
  say("starting Kafka …");
  const server = await startKafkaServer({ dir, jars, password, onDeath: () => onDeath("Kafka"), signal });
  try {
    const log: Log = (level, event, fields) =>
      void (level === "info" || complain(`kafka-rest: ${event} ${JSON.stringify(fields ?? {})}`));
    const broker = `127.0.0.1:${server.ports.client}`;
    const login = { username: KAFKA_USERNAME, password };
    const open = (port: number): Promise<Bridge> =>
      startBridge({
        kafka: { brokers: [broker], login: { mechanism: "PLAIN", ...login } },
        login,
        port,
        createPartitions: PARTITIONS,
        limits: { stopMsMax: STOP_MS_MAX },
        log,
      });
    const bridge = await open(PORT_PREFERRED).catch(() => open(0));
    say(`Kafka runs on ${broker} (SASL PLAIN, as ${KAFKA_USERNAME}), its data is in ${dir}`);
    say(
      `its REST front for @upstash/kafka on ${bridge.url}, the username is ${KAFKA_USERNAME}, the password is in ${passwordFile}`,
    );
    return {
      ...kafkaSettings(bridge.url, password, knownVars),
      stop: async () => {
        await bridge.close();
        await server.stop();
      },
    };
  } catch (error) {
    await server.stop();
    throw error;
  }
}

/** Null where they can't be had, with a line that says why. */
async function jarsOrNull({
  say,
  complain,
  signal,
  jarsFolder = JARS_FOLDER,
}: KafkaDeps): Promise<string | null> {
  const leaveOut = (why: string): null => {
    complain(`--kafka: left out, ${why}`);
    return null;
  };
  const missing = missingForKafka(jarsFolder);
  if (missing !== null) return leaveOut(missing);
  try {
    return await kafkaJars(say, { signal, folder: jarsFolder });
  } catch (error) {
    if (error instanceof LaunchError) return leaveOut(error.message);
    throw error;
  }
}

/** What workers are told, so that they use it: here, and nowhere else. */
function kafkaSettings(
  url: string,
  password: string,
  knownVars: ReadonlySet<string>,
): Pick<StartedKafka, "vars" | "secrets"> {
  // Whoever knows no address of a front takes no "kafka" either.
  if (!knownVars.has("UPSTASH_KAFKA_REST_URL")) return { vars: {}, secrets: {} };
  return {
    vars: {
      HISTORY_BUS: "kafka",
      CHANGE_SINK: "kafka",
      UPSTASH_KAFKA_REST_URL: url,
      UPSTASH_KAFKA_REST_USERNAME: KAFKA_USERNAME,
    },
    secrets: { UPSTASH_KAFKA_REST_PASSWORD: password },
  };
}
