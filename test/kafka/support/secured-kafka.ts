import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inject } from "vitest";
import { freePort } from "../../../scripts/runtime/free-port.ts";
import { until } from "../../support/until.ts";

/** Text that the mechanisms and the broker's files must carry as it is. */
export const KAFKA_LOGIN = { username: "app", password: "pässwörd=with+signs" } as const;
/** After which a broker wants to see the login again. */
export const SESSION_MS = 2_500;

const STARTS_MS = 60_000;

/** A broker that is reached by TLS only, with a certificate of an authority that nobody knows. */
export interface SecuredKafka {
  readonly caFile: string;
  /** Of a broker that tells clients to come to `localhost`, and of the same as 127.0.0.1. */
  readonly byName: string;
  readonly byAddress: string;
  /** The same by an address that its certificate doesn't have. */
  readonly byOtherAddress: string;
  readonly stop: () => Promise<void>;
}

export async function startSecuredKafka(): Promise<SecuredKafka> {
  const dir = mkdtempSync(join(tmpdir(), "playhead-secured-kafka-"));
  makeCertificate(dir);
  const ports = {
    name: await freePort(),
    address: await freePort(),
    inside: await freePort(),
    control: await freePort(),
  };
  writeFileSync(join(dir, "server.properties"), settings(ports));
  const classes = ["-Dorg.slf4j.simpleLogger.defaultLogLevel=error", "-cp", join(inject("kafkaJars"), "*")];
  const users = ["SCRAM-SHA-256", "SCRAM-SHA-512"].flatMap((mechanism) => [
    "--add-scram",
    `${mechanism}=[name=${KAFKA_LOGIN.username},password=${KAFKA_LOGIN.password}]`,
  ]);
  const env = { ...process.env, LC_ALL: "C.UTF-8" };
  const format = ["format", "--cluster-id=AAAAAAAAAAAAAAAAAAAAAA", "--config", "server.properties", ...users];
  execFileSync("java", [...classes, "kafka.tools.StorageTool", ...format], { cwd: dir, env, stdio: "pipe" });
  const ready = "-Dorg.slf4j.simpleLogger.log.kafka.server.KafkaRaftServer=info";
  const child = spawn("java", ["-Xmx384m", ready, ...classes, "kafka.Kafka", "server.properties"], {
    cwd: dir,
    env,
    stdio: ["ignore", "pipe", "pipe"],
  });
  let said = "";
  for (const output of [child.stdout, child.stderr])
    output.setEncoding("utf8").on("data", (text: string) => (said += text));
  const ended = once(child, "exit");
  await until("it is up", () => said.includes("Kafka Server started"), STARTS_MS).catch((cause: unknown) => {
    child.kill("SIGKILL");
    throw new Error(`the broker did not start: ${said.slice(-2_000)}`, { cause });
  });
  return {
    caFile: join(dir, "ca.pem"),
    byName: `localhost:${ports.name}`,
    byAddress: `127.0.0.1:${ports.address}`,
    byOtherAddress: `127.0.0.2:${ports.address}`,
    stop: async () => {
      child.kill("SIGKILL");
      await ended;
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

/** An authority, and a certificate of it for the broker. */
function makeCertificate(dir: string): void {
  mkdirSync(join(dir, "data"));
  writeFileSync(join(dir, "names"), "subjectAltName=DNS:localhost,IP:127.0.0.1\n");
  const openssl = (args: string): void =>
    void execFileSync("openssl", args.split(" "), { cwd: dir, stdio: "pipe" });
  const key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
  openssl(`req -x509 ${key} -keyout ca.key -out ca.pem -days 2 -subj /CN=tests`);
  openssl(`req ${key} -keyout key.pem -out request.pem -subj /CN=localhost`);
  openssl("x509 -req -in request.pem -CA ca.pem -CAkey ca.key -days 2 -extfile names -out cert.pem");
  writeFileSync(
    join(dir, "chain.pem"),
    ["key", "cert"].map((of) => readFileSync(join(dir, `${of}.pem`))).join(""),
  );
}

function settings(ports: {
  readonly name: number;
  readonly address: number;
  readonly inside: number;
  readonly control: number;
}): string {
  const { username } = KAFKA_LOGIN;
  const password = KAFKA_LOGIN.password.replaceAll("ä", "\\u00e4").replaceAll("ö", "\\u00f6");
  const mechanisms = ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"];
  return [
    "process.roles=broker,controller",
    "node.id=1",
    `controller.quorum.voters=1@127.0.0.1:${ports.control}`,
    `listeners=NAME://127.0.0.1:${ports.name},ADDRESS://0.0.0.0:${ports.address},INSIDE://127.0.0.1:${ports.inside},CONTROL://127.0.0.1:${ports.control}`,
    `advertised.listeners=NAME://localhost:${ports.name},ADDRESS://127.0.0.1:${ports.address},INSIDE://127.0.0.1:${ports.inside}`,
    "inter.broker.listener.name=INSIDE",
    "controller.listener.names=CONTROL",
    "listener.security.protocol.map=NAME:SASL_SSL,ADDRESS:SASL_SSL,INSIDE:PLAINTEXT,CONTROL:PLAINTEXT",
    `sasl.enabled.mechanisms=${mechanisms.join(",")}`,
    ...["name", "address"].flatMap((listener) => [
      `listener.name.${listener}.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required user_${username}="${password}";`,
      ...["256", "512"].map(
        (bits) =>
          `listener.name.${listener}.scram-sha-${bits}.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;`,
      ),
      ...mechanisms.map(
        (mechanism) =>
          `listener.name.${listener}.${mechanism.toLowerCase()}.connections.max.reauth.ms=${SESSION_MS}`,
      ),
    ]),
    "ssl.keystore.type=PEM",
    "ssl.keystore.location=chain.pem",
    "log.dirs=data",
    "auto.create.topics.enable=false",
    "offsets.topic.num.partitions=1",
    "offsets.topic.replication.factor=1",
    "group.initial.rebalance.delay.ms=0",
    "",
  ].join("\n");
}
