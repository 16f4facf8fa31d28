import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { secretOfFile } from "../shared/secret-file.ts";
import { SASL_MECHANISMS, type KafkaAddress } from "./kafka-address.ts";

export const USAGE = `node bridge/kafka-rest/main.ts --password-file FILE [--kafka 127.0.0.1:9092,…] [--tls] [--ca FILE] [--username playhead] [--create-topics N] [--host 127.0.0.1] [--port 8078]

  --password-file FILE  holds the password that clients send; made, readable by you only, if there is none
  --username NAME       the name that clients send
  --kafka LIST          brokers, host:port each, separated by commas
  --tls, --ca FILE      reach Kafka by TLS, with an authority of its own
  --create-topics N     make a topic that isn't there when it is asked for, with N partitions
  --host, --port        where to listen; port 0 picks a free one

Environment: KAFKA_REST_USERNAME, KAFKA_REST_PASSWORD, KAFKA_BROKERS, KAFKA_TLS=on, KAFKA_CA_FILE and KAFKA_CREATE_TOPICS instead of these; KAFKA_USERNAME, KAFKA_PASSWORD and KAFKA_SASL_MECHANISM (PLAIN, SCRAM-SHA-256, SCRAM-SHA-512) sign in to Kafka.`;

type Environment = Readonly<Record<string, string | undefined>>;

const PARTITIONS_MAX = 1_000;

/** What the command line and the environment tell. Throws an error for the user to read. */
export function readBridgeOptions(args: readonly string[], environment: Environment) {
  const { values } = parseArgs({
    args: [...args],
    options: {
      kafka: { type: "string" },
      tls: { type: "boolean", default: false },
      ca: { type: "string" },
      username: { type: "string" },
      "password-file": { type: "string" },
      "create-topics": { type: "string" },
      host: { type: "string", default: "127.0.0.1" },
      port: { type: "string", default: "8078" },
      help: { type: "boolean", default: false },
    },
  });
  const port = numberIn("--port", values.port, 0, 65_535);
  const create = values["create-topics"] ?? environment["KAFKA_CREATE_TOPICS"];
  const ca = values.ca ?? environment["KAFKA_CA_FILE"];
  const tls = values.tls || environment["KAFKA_TLS"] === "on" || ca !== undefined;
  return {
    help: values.help,
    host: values.host,
    port,
    createPartitions: create === undefined ? null : numberIn("--create-topics", create, 1, PARTITIONS_MAX),
    kafka: (): KafkaAddress => ({
      brokers: brokersIn(values.kafka ?? environment["KAFKA_BROKERS"] ?? "127.0.0.1:9092"),
      ...loginIn(environment),
      ...(tls ? { tls: ca === undefined ? {} : { ca: readFileSync(ca, "utf8") } } : {}),
    }),
    login: () => ({
      username: values.username ?? environment["KAFKA_REST_USERNAME"] ?? "playhead",
      password: passwordIn(values["password-file"], environment),
    }),
  };
}

function numberIn(option: string, text: string, min: number, max: number): number {
  const value = Number(text);
  if (!/^\d{1,5}$/.test(text) || value < min || value > max)
    throw new RangeError(`${option} must be in ${min} … ${max}, got ${text}`);
  return value;
}

function brokersIn(text: string): readonly string[] {
  const brokers = text.split(",").map((broker) => broker.trim());
  for (const broker of brokers)
    if (!/^(?:[\w.-]+|\[[\da-fA-F:]+\]):\d{1,5}$/.test(broker))
      throw new RangeError(`--kafka must be host:port, separated by commas, got ${text}`);
  return brokers;
}

function loginIn({
  KAFKA_USERNAME,
  KAFKA_PASSWORD,
  KAFKA_SASL_MECHANISM = "PLAIN",
}: Environment): Pick<KafkaAddress, "login"> {
  if (KAFKA_USERNAME === undefined && KAFKA_PASSWORD === undefined) return {};
  const mechanism = SASL_MECHANISMS.find((name) => name === KAFKA_SASL_MECHANISM);
  if (KAFKA_USERNAME === undefined || KAFKA_PASSWORD === undefined)
    throw new RangeError("KAFKA_USERNAME and KAFKA_PASSWORD belong together");
  if (mechanism === undefined)
    throw new RangeError(
      `KAFKA_SASL_MECHANISM must be ${SASL_MECHANISMS.join(", ")}, got ${KAFKA_SASL_MECHANISM}`,
    );
  return { login: { mechanism, username: KAFKA_USERNAME, password: KAFKA_PASSWORD } };
}

function passwordIn(file: string | undefined, { KAFKA_REST_PASSWORD }: Environment): string {
  if (KAFKA_REST_PASSWORD !== undefined) return KAFKA_REST_PASSWORD;
  if (file === undefined) throw new RangeError("--password-file or KAFKA_REST_PASSWORD must be given");
  return secretOfFile(file);
}
