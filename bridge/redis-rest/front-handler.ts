import type { IncomingMessage, ServerResponse } from "node:http";
import type { Admission } from "./admission.ts";
import { encodeReply, type ReplyEncoding } from "./encode-reply.ts";
import { FrontError } from "./front-error.ts";
import { readBody } from "./read-body.ts";
import { readCommand, readCommands } from "./read-commands.ts";
import { readRequest } from "./read-request.ts";
import type { RedisCommand } from "./redis-command.ts";
import type { RedisLink } from "./redis-link.ts";
import type { RedisReply } from "./redis-reply.ts";
import { refusal } from "./refusal.ts";
import type { Subscriptions } from "./subscriptions.ts";

/**
 * Answered to whoever asks for it. There is one server and one connection, so each read sees the writes before it, and no token need tell one state
 * from another.
 */
const HEADERS = { "upstash-sync-token": "one-server" };
const HEALTH_PATIENCE_MS = 1_000;

export interface FrontParts {
  readonly link: RedisLink;
  readonly subscriptions: Subscriptions;
  readonly admission: Admission;
  readonly isAuthorized: (authorization: string | undefined) => boolean;
  readonly bodyBytesMax: number;
  readonly replyBytesMax: number;
  /** Hears of what should not happen. */
  readonly onBug: (error: unknown) => void;
}

/** Answers one request, whatever comes. Never rejects. */
export async function handle(parts: FrontParts, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const held = parts.admission.holder();
  response.once("close", held.giveBack);
  // A reader that resets its connection ends it, and that is all.
  response.on("error", () => undefined);
  try {
    const asked = readRequest(request);
    if (asked.what === "health") return await answerHealth(parts.link, response);
    if (!parts.isAuthorized(request.headers.authorization)) throw new FrontError(401, "Unauthorized");
    if (asked.what === "events") return await parts.subscriptions.stream(asked.topic, response, HEADERS);
    const body = await readBody(request, parts.bodyBytesMax, held.take);
    const text = await answerCommands(parts, asked.what, body, request.headers["upstash-encoding"] === "base64" ? "base64" : "plain");
    held.count(text.length);
    write(response, 200, text);
  } catch (error) {
    const known = error instanceof FrontError;
    if (!known && !request.destroyed) parts.onBug(error);
    writeError(request, response, known ? error : new FrontError(500, "ERR internal error"));
  }
}

async function answerCommands(
  parts: FrontParts,
  what: "command" | "pipeline" | "multi-exec",
  body: Uint8Array,
  encoding: ReplyEncoding,
): Promise<string> {
  const commands = what === "command" ? [readCommand(body)] : readCommands(body);
  const leave = parts.admission.enter(commands.length);
  try {
    const replies = await (what === "multi-exec" ? transact(parts.link, commands) : pipeline(parts.link, commands));
    const texts = encodeAll(replies, encoding, parts.replyBytesMax);
    if (what !== "command") return `[${texts.join(",")}]`;
    const [only] = replies;
    if (only instanceof FrontError) throw only;
    if (only instanceof Error) throw new FrontError(400, only.message);
    return texts[0] ?? "";
  } finally {
    leave();
  }
}

/** In order, not atomic: a refused command is an error of its own, and the others are done. */
async function pipeline(link: RedisLink, commands: readonly RedisCommand[]): Promise<readonly RedisReply[]> {
  const refusals = commands.map(refusal);
  const sent = commands.filter((_command, index) => refusals[index] === null);
  const replies = (sent.length === 0 ? [] : await link.send(sent)).values();
  return refusals.map((reason) => (reason === null ? (replies.next().value ?? null) : new FrontError(400, reason)));
}

/** All or none, so a refused command refuses all. */
async function transact(link: RedisLink, commands: readonly RedisCommand[]): Promise<readonly RedisReply[]> {
  for (const reason of commands.map(refusal)) if (reason !== null) throw new FrontError(400, reason);
  return await link.transact(commands);
}

/** Replies share the bound on a response; one that doesn't fit is told to be done, but too long to be shown. */
function encodeAll(replies: readonly RedisReply[], encoding: ReplyEncoding, bytesMax: number): readonly string[] {
  let left = bytesMax;
  return replies.map((reply) => {
    const text = encodeReply(reply, encoding, left) ?? `{"error":"ERR done, but the response would have more than ${bytesMax} bytes"}`;
    left -= text.length;
    return text;
  });
}

async function answerHealth(link: RedisLink, response: ServerResponse): Promise<void> {
  const late = AbortSignal.timeout(HEALTH_PATIENCE_MS);
  const timeout = new Promise<null>((resolve) => late.addEventListener("abort", () => resolve(null), { once: true }));
  const reply = await Promise.race([link.ping(), timeout]);
  write(response, reply === true ? 200 : 503, JSON.stringify({ status: reply === true ? "ok" : "redis-server does not answer" }));
}

function writeError(request: IncomingMessage, response: ServerResponse, { status, message }: FrontError): void {
  if (response.headersSent) return void response.destroy();
  // What is left of a body that nobody will read must not be taken for the next request.
  if (!request.complete) response.setHeader("connection", "close");
  if (status === 405) response.setHeader("allow", "POST");
  if (status === 401) response.setHeader("www-authenticate", "Bearer");
  write(response, status, JSON.stringify({ error: message }));
}

function write(response: ServerResponse, status: number, text: string): void {
  const body = Buffer.from(text);
  response.writeHead(status, { ...HEADERS, "content-type": "application/json", "content-length": body.length });
  response.end(body);
}
