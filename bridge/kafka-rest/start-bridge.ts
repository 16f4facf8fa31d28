import { Admission } from "../shared/admission.ts";
import { openDoor } from "../shared/http-door.ts";
import { basicCheck, type BasicLogin } from "./basic-auth.ts";
import { handle, WORDS, type BridgeParts } from "./bridge-handler.ts";
import { Catalogue } from "./catalogue.ts";
import { ConsumerInstances } from "./consumer-instances.ts";
import { hearErrors } from "./hear-errors.ts";
import type { KafkaAddress } from "./kafka-address.ts";
import { limited } from "./limited.ts";
import type { Log } from "./log.ts";
import { PartitionReaders } from "./partition-readers.ts";
import { ProduceClients } from "./produce-clients.ts";
import { Produce } from "./produce.ts";

export interface BridgeOptions {
  readonly kafka: KafkaAddress;
  readonly login: BasicLogin;
  /** Where it listens: 127.0.0.1 if absent. */
  readonly host?: string;
  /** 0 picks a free one. */
  readonly port: number;
  /** Partitions of a topic that is made when it is asked for; absent: none is made. */
  readonly createPartitions?: number | null;
  readonly limits?: Partial<BridgeLimits>;
  readonly log: Log;
}

export interface BridgeLimits {
  readonly bodyBytesMax: number;
  readonly heldBytesMax: number;
  /** Of one request, and of all that wait at once. */
  readonly messagesMax: number;
  readonly waitingMax: number;
  /** How long a produce is tried. */
  readonly produceMsMax: number;
  readonly fetchesMax: number;
  readonly instancesMax: number;
  readonly instanceIdleMsMax: number;
  readonly connectionsMax: number;
  /** How long a stop waits for what is under way. */
  readonly stopMsMax: number;
}

const LIMITS: BridgeLimits = {
  bodyBytesMax: 10_000_000,
  heldBytesMax: 200_000_000,
  messagesMax: 10_000,
  waitingMax: 100_000,
  produceMsMax: 10_000,
  fetchesMax: 64,
  instancesMax: 50,
  instanceIdleMsMax: 300_000,
  connectionsMax: 2_000,
  stopMsMax: 5_000,
};

/** For a Kafka that hangs. */
const LEAVE_MS_MAX = 2_500;

/** A bridge that listens. */
export interface Bridge {
  readonly url: string;
  readonly close: () => Promise<void>;
}

/**
 * Puts the REST dialect before a Kafka, whether or not that is up already. Throws where the port is
 * taken or the password too short.
 */
export async function startBridge({
  kafka,
  login,
  host = "127.0.0.1",
  port,
  createPartitions = null,
  limits,
  log,
}: BridgeOptions): Promise<Bridge> {
  const bounds = { ...LIMITS, ...limits };
  const isAuthorized = basicCheck(login);
  const door = await openDoor({ host, port, connectionsMax: bounds.connectionsMax });
  hearErrors();
  const stop = new AbortController();
  const catalogue = new Catalogue(kafka, createPartitions);
  const parts: BridgeParts = {
    catalogue,
    produce: new Produce(catalogue, new ProduceClients(kafka), { timeoutMs: bounds.produceMsMax }),
    readers: new PartitionReaders(kafka, bounds.fetchesMax),
    instances: new ConsumerInstances(kafka, {
      max: bounds.instancesMax,
      idleMsMax: bounds.instanceIdleMsMax,
      log,
    }),
    admission: new Admission({ itemsMax: bounds.waitingMax, bytesMax: bounds.heldBytesMax }, WORDS),
    isAuthorized,
    bodyBytesMax: bounds.bodyBytesMax,
    messagesMax: bounds.messagesMax,
    log,
    stopping: stop.signal,
  };
  door.server.on("request", (request, response) => void handle(parts, request, response));
  return {
    url: door.url,
    /**
     * What is being written is written and answered; who waits for messages is told that there are
     * none; what clients were given is committed; then Kafka is left.
     */
    close: async () => {
      stop.abort();
      await door.close(bounds.stopMsMax);
      const left = [parts.instances, parts.readers, parts.produce, catalogue].map((part) => part.close());
      await limited(Promise.all(left), LEAVE_MS_MAX).catch(() => undefined);
    },
  };
}
