import type { IncomingMessage, ServerResponse } from "node:http";
import { canBeRefused } from "../shared/can-be-refused.ts";
import type { Admission } from "../shared/admission.ts";
import { FrontError } from "../shared/front-error.ts";
import { readBody } from "../shared/read-body.ts";
import type { Catalogue } from "./catalogue.ts";
import type { InstanceSettings } from "./consumer-instance.ts";
import type { ConsumerInstances } from "./consumer-instances.ts";
import type { Log } from "./log.ts";
import type { MessageJson } from "./message-json.ts";
import type { PartitionReaders } from "./partition-readers.ts";
import type { Produce } from "./produce.ts";
import {
  readConsume,
  readFetch,
  readMessages,
  readOffsets,
  readPartitions,
  type MessageToWrite,
} from "./read-bodies.ts";
import { readRequest, type Asked, type Member } from "./read-request.ts";

/** As clients ask for if they say nothing, and the most they can ask for. */
const WAIT_MS = 1_000;
const WAIT_MS_MAX = 10_000;
const AUTO_COMMIT_MS = 5_000;
const AUTO_COMMIT_MS_MIN = 100;
const AUTO_COMMIT_MS_MAX = 60_000;
const HEALTH_TIMEOUT_MS = 1_000;
/** What a message, and each header, is in memory beside its text. */
const MESSAGE_BYTES = 500;
const HEADER_BYTES = 300;
const DONE = { result: "Success", status: 200 };

/** What the bridge says where all requests together ask for too much. */
export const WORDS = { prefix: "", items: "messages", server: "Kafka" } as const;

export interface BridgeParts {
  readonly catalogue: Catalogue;
  readonly produce: Produce;
  readonly readers: PartitionReaders;
  readonly instances: ConsumerInstances;
  readonly admission: Admission;
  readonly isAuthorized: (authorization: string | undefined) => boolean;
  readonly bodyBytesMax: number;
  readonly messagesMax: number;
  readonly log: Log;
  /** Nobody waits for something to come any more. */
  readonly stopping: AbortSignal;
}

interface Answer {
  readonly value: unknown;
  /** Hears whether the answer has left. */
  readonly left?: (all: boolean) => void;
}

/**
 * What a request holds: more bytes, refused if they are too many; until when; and when nobody is
 * there any more to be answered.
 */
interface Held {
  readonly closed: Promise<unknown>;
  readonly take: (bytes: number) => void;
  readonly until: (done: Promise<unknown>) => void;
}

/** Answers one request, whatever comes. Never rejects. */
export async function handle(
  parts: BridgeParts,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const held = parts.admission.holder();
  const closed = new Promise((resolve) => response.once("close", resolve));
  // A reader that resets its connection ends it, and that is all.
  response.on("error", () => undefined);
  // Later than the answer where Kafka still has what was asked for.
  let settled: Promise<unknown> = Promise.resolve();
  try {
    const asked = readRequest(request);
    if (asked.what === "health") return await answerHealth(parts, response);
    if (!parts.isAuthorized(request.headers.authorization)) throw new FrontError(401, "Unauthorized");
    const body = await readBody(request, {
      bytesMax: parts.bodyBytesMax,
      prefix: WORDS.prefix,
      take: held.take,
    });
    const until = (done: Promise<unknown>): void => void (settled = done);
    const { value, left } = await answer(parts, asked, request, body, { take: held.take, until, closed });
    if (left !== undefined) void closed.then(() => left(response.writableFinished));
    const text = Buffer.from(JSON.stringify(value));
    held.count(text.length);
    write(response, 200, text);
  } catch (error) {
    const known = error instanceof FrontError;
    // A client that goes before it has sent all is none.
    const isBug = !known && request.complete;
    if (isBug) parts.log("error", "bug", { stack: stackOf(error) });
    const failure = known ? error : new FrontError(500, "internal error");
    if (failure.status >= 500 && (known || isBug))
      parts.log("error", "request failed", {
        path: pathOf(request),
        status: failure.status,
        reason: failure.message,
      });
    writeError(request, response, failure);
  } finally {
    void Promise.all([closed, settled]).then(held.giveBack);
  }
}

async function answer(
  parts: BridgeParts,
  asked: Exclude<Asked, { readonly what: "health" }>,
  request: IncomingMessage,
  body: Uint8Array,
  held: Held,
): Promise<Answer> {
  const { catalogue, instances } = parts;
  switch (asked.what) {
    case "produce":
      return { value: await produce(parts, body, held) };
    case "fetch":
      return { value: await fetchFrom(parts, body) };
    case "consume":
      return await consume(parts, { ...settingsOf(request), ...asked }, body, held.closed);
    case "commit":
      await commit(parts, asked, body);
      return { value: DONE };
    case "committed":
      return { value: await catalogue.committed(asked.groupId, readPartitions(body)) };
    case "delete-consumer":
      await instances.remove(asked.groupId, asked.instanceId);
      return { value: DONE };
    case "offsets":
      return { value: await catalogue.offsetsAt(asked.timestamp, readPartitions(body) ?? []) };
    case "topics":
      return { value: await catalogue.topics() };
    case "consumers":
    default:
      return { value: instances.list() };
  }
}

async function fetchFrom(
  { catalogue, readers, stopping }: BridgeParts,
  body: Uint8Array,
): Promise<readonly MessageJson[]> {
  const { from, timeoutMs } = readFetch(body);
  await catalogue.requirePartitions(from);
  if (stopping.aborted) return [];
  const stopped = Promise.withResolvers<readonly MessageJson[]>();
  const stop = (): void => stopped.resolve([]);
  stopping.addEventListener("abort", stop, { once: true });
  try {
    return await Promise.race([readers.read(from, waitOf(timeoutMs)), stopped.promise]);
  } finally {
    stopping.removeEventListener("abort", stop);
  }
}

async function consume(
  { catalogue, instances, stopping }: BridgeParts,
  settings: Omit<InstanceSettings, "topics">,
  body: Uint8Array,
  closed: Promise<unknown>,
): Promise<Answer> {
  const { topics, timeoutMs } = readConsume(body);
  for (const topic of topics) await catalogue.partitionsOf(topic);
  const gone = new AbortController();
  void closed.then(() => gone.abort());
  const { messages, delivered, undelivered } = await instances.consume(
    { ...settings, topics },
    waitOf(timeoutMs),
    AbortSignal.any([stopping, gone.signal]),
  );
  return { value: messages, left: (all) => (all ? delivered() : undelivered()) };
}

async function commit(
  { catalogue, instances }: BridgeParts,
  { groupId, instanceId }: Member,
  body: Uint8Array,
): Promise<void> {
  const offsets = readOffsets(body);
  const instance = instances.find(groupId, instanceId);
  // Kafka itself would be asked again and again.
  if (offsets !== null) await catalogue.requirePartitions(offsets);
  if (instance !== null) return await instance.commit(offsets);
  if (offsets === null)
    throw new FrontError(404, "there is no such consumer instance, so nothing that it has consumed");
  await catalogue.commit(groupId, offsets);
}

async function produce(
  { admission, produce: writer, messagesMax }: BridgeParts,
  body: Uint8Array,
  { take, until }: Held,
): Promise<unknown> {
  const messages = readMessages(body, messagesMax);
  take(memoryOf(messages));
  const leave = admission.enter(messages.length);
  let settled: Promise<unknown> = Promise.resolve();
  try {
    const writing = await writer.write(messages);
    settled = writing.settled;
    until(settled);
    return await writing.written;
  } finally {
    void settled.then(leave);
  }
}

/** Beside their bytes: a body of nothing but empty headers becomes thirty times as much. */
function memoryOf(messages: readonly MessageToWrite[]): number {
  const headers = messages.reduce((sum, message) => sum + (message.headers?.length ?? 0), 0);
  return messages.length * MESSAGE_BYTES + headers * HEADER_BYTES;
}

function settingsOf({ headers }: IncomingMessage): Pick<InstanceSettings, "autoCommitMs" | "reset"> {
  const enabled = headers["kafka-enable-auto-commit"] ?? "true";
  const interval = headers["kafka-auto-commit-interval"] ?? String(AUTO_COMMIT_MS);
  const reset = headers["kafka-auto-offset-reset"] ?? "latest";
  if (enabled !== "true" && enabled !== "false")
    throw new FrontError(400, "Kafka-Enable-Auto-Commit must be true or false");
  const intervalMs = Number(interval);
  if (!(intervalMs >= AUTO_COMMIT_MS_MIN && intervalMs <= AUTO_COMMIT_MS_MAX))
    throw new FrontError(
      400,
      `Kafka-Auto-Commit-Interval must be in ${AUTO_COMMIT_MS_MIN} … ${AUTO_COMMIT_MS_MAX} ms`,
    );
  if (reset !== "earliest" && reset !== "latest" && reset !== "none")
    throw new FrontError(400, "Kafka-Auto-Offset-Reset must be earliest, latest or none");
  return { autoCommitMs: enabled === "true" ? intervalMs : null, reset };
}

/** Longer than that nobody waits: a client that has gone would hold its place. */
function waitOf(timeoutMs: number | null): number {
  return Math.min(WAIT_MS_MAX, Math.round(timeoutMs ?? WAIT_MS));
}

async function answerHealth({ catalogue }: BridgeParts, response: ServerResponse): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>(
    (resolve) => (timer = setTimeout(() => resolve(false), HEALTH_TIMEOUT_MS)),
  );
  const isWell = await Promise.race([catalogue.ping(), late]);
  clearTimeout(timer);
  const status = isWell ? "ok" : "Kafka does not answer";
  write(response, isWell ? 200 : 503, Buffer.from(JSON.stringify({ status })));
}

function writeError(
  request: IncomingMessage,
  response: ServerResponse,
  { status, message }: FrontError,
): void {
  if (!canBeRefused(request, response)) return;
  if (status === 401) response.setHeader("www-authenticate", 'Basic realm="kafka-rest", charset="UTF-8"');
  write(response, status, Buffer.from(JSON.stringify({ result: "Error", error: message, status })));
}

function write(response: ServerResponse, status: number, body: Uint8Array): void {
  response.writeHead(status, { "content-type": "application/json", "content-length": body.length });
  response.end(body);
}

/** Without names, of which there may be any number. */
function pathOf({ url = "/" }: IncomingMessage): string {
  return `/${url.split(/[/?]/)[1] ?? ""}`;
}

function stackOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
