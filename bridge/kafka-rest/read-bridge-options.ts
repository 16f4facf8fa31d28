import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { listenOptions, numberIn } from "../shared/listen-options.ts";
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
const PORT_MAX = 65_535;

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
  const create = values["create-topics"] ?? environment["KAFKA_CREATE_TOPICS"];
  const ca = values.ca ?? environment["KAFKA_CA_FILE"];
  const tls = values.tls || isOn("KAFKA_TLS", environment) || ca !== undefined;
  return {
    help: values.help,
    ...listenOptions(values),
    createPartitions: create === undefined ? null : numberIn("--create-topics", create, 1, PARTITIONS_MAX),
    kafka: (): KafkaAddress => ({
      brokers: brokersIn(values.kafka ?? environment["KAFKA_BROKERS"] ?? "127.0.0.1:9092"),
      ...loginIn(environment),
      ...(tls ? { tls: ca === undefined ? {} : { ca: certificatesIn(ca) } } : {}),
    }),
    login: () => ({
      username: values.username ?? environment["KAFKA_REST_USERNAME"] ?? "playhead",
      password: passwordIn(values["password-file"], environment),
    }),
  };
}

/** What can't be read is refused: whoever meant "on" would send a password that others can read. */
function isOn(name: string, environment: Environment): boolean {
  const value = environment[name] ?? "off";
  if (value !== "on" && value !== "off") throw new RangeError(`${name} must be on or off, got ${value}`);
  return value === "on";
}

/** Of a file without one, nobody would be trusted, and no more said than that. */
function certificatesIn(file: string): string {
  const text = readFileSync(file, "utf8");
  try {
    void new X509Certificate(text);
    return text;
  } catch (cause) {
    throw new RangeError(`--ca: ${file} holds no certificate`, { cause });
  }
}

function brokersIn(text: string): readonly string[] {
  const brokers = text.split(",").map((broker) => broker.trim());
  for (const broker of brokers) {
    const port = Number(/^(?:[\w.-]+|\[[\da-fA-F:]+\]):(\d{1,5})$/.exec(broker)?.[1] ?? 0);
    if (port < 1 || port > PORT_MAX)
      throw new RangeError(`--kafka must be host:port, separated by commas, got ${text}`);
  }
  return brokers;
}

function loginIn({
  KAFKA_USERNAME,
  KAFKA_PASSWORD,
  KAFKA_SASL_MECHANISM,
}: Environment): Pick<KafkaAddress, "login"> {
  const told = [KAFKA_USERNAME, KAFKA_PASSWORD, KAFKA_SASL_MECHANISM];
  if (told.every((value) => value === undefined)) return {};
  if (!KAFKA_USERNAME || !KAFKA_PASSWORD)
    throw new RangeError("KAFKA_USERNAME and KAFKA_PASSWORD belong together, and none is empty");
  const wanted = KAFKA_SASL_MECHANISM ?? "PLAIN";
  const mechanism = SASL_MECHANISMS.find((name) => name === wanted);
  if (mechanism === undefined)
    throw new RangeError(`KAFKA_SASL_MECHANISM must be ${SASL_MECHANISMS.join(", ")}, got ${wanted}`);
  return { login: { mechanism, username: KAFKA_USERNAME, password: KAFKA_PASSWORD } };
}

function passwordIn(file: string | undefined, { KAFKA_REST_PASSWORD }: Environment): string {
  if (file !== undefined) return secretOfFile(file);
  if (KAFKA_REST_PASSWORD === undefined)
    throw new RangeError("--password-file or KAFKA_REST_PASSWORD must be given");
  return KAFKA_REST_PASSWORD;
}
