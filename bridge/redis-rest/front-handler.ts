import type { IncomingMessage, ServerResponse } from "node:http";
import { canBeRefused } from "../shared/can-be-refused.ts";
import type { Admission } from "../shared/admission.ts";
import { encodeReply, type ReplyEncoding } from "./encode-reply.ts";
import { FrontError } from "../shared/front-error.ts";
import { readBody } from "../shared/read-body.ts";
import { readCommand, readCommands } from "./read-commands.ts";
import { readRequest } from "./read-request.ts";
import type { RedisCommand } from "./redis-command.ts";
import type { RedisLink } from "./redis-link.ts";
import type { RedisReply } from "./redis-reply.ts";
import { refusal } from "./refusal.ts";
import type { Subscriptions } from "./subscriptions.ts";

/**
 * Answered to whoever asks for it. There is one server and one connection, so each read sees the
 * writes before it, and no token need tell one state from another.
 */
const HEADERS = { "upstash-sync-token": "one-server" };
/** What the front says where all requests together ask for too much. */
export const WORDS = { prefix: "ERR ", items: "commands", server: "Redis" } as const;
const HEALTH_TIMEOUT_MS = 1_000;

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
export async function handle(
  parts: FrontParts,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const held = parts.admission.holder();
  const closed = new Promise((resolve) => response.once("close", resolve));
  // A reader that resets its connection ends it, and that is all.
  response.on("error", () => undefined);
  try {
    const asked = readRequest(request);
    if (asked.what === "health") return await answerHealth(parts.link, response);
    if (!parts.isAuthorized(request.headers.authorization)) throw new FrontError(401, "Unauthorized");
    if (asked.what === "events") return await parts.subscriptions.stream(asked.topic, response, HEADERS);
    const body = await readBody(request, {
      bytesMax: parts.bodyBytesMax,
      prefix: WORDS.prefix,
      take: held.take,
    });
    const encoding = request.headers["upstash-encoding"] === "base64" ? "base64" : "plain";
    write(
      response,
      200,
      await answerCommands(parts, asked.what, body, answererOf(encoding, parts.replyBytesMax, held.count)),
    );
  } catch (error) {
    const known = error instanceof FrontError;
    // A client that goes before it has sent all is none; `destroyed` would be true of whatever was
    // read to its end, too.
    if (!known && request.complete) parts.onBug(error);
    writeError(request, response, known ? error : new FrontError(500, "ERR internal error"));
  } finally {
    // Not when the client goes: what it asked for is held until Redis has answered.
    void closed.then(held.giveBack);
  }
}

/** A reply as it will be sent. */
interface Answer {
  readonly text: string;
  readonly error: Error | null;
}

type Answerer = (reply: RedisReply) => Answer;

/**
 * Makes the text of each reply as it comes, so that what the replies share is bounded while they
 * come: one that doesn't fit is told to be done, but too long to be shown, and nothing of it is
 * kept.
 */
function answererOf(encoding: ReplyEncoding, bytesMax: number, count: (bytes: number) => void): Answerer {
  let left = bytesMax;
  return (reply) => {
    const text =
      encodeReply(reply, encoding, left) ??
      `{"error":"ERR done, but the response would have more than ${bytesMax} bytes"}`;
    left -= text.length;
    count(text.length);
    return { text, error: reply instanceof Error ? reply : null };
  };
}

async function answerCommands(
  parts: FrontParts,
  what: "command" | "pipeline" | "multi-exec",
  body: Uint8Array,
  answer: Answerer,
): Promise<string> {
  const commands = what === "command" ? [readCommand(body)] : readCommands(body);
  const leave = parts.admission.enter(commands.length);
  try {
    if (what === "multi-exec") return textOf(await transact(parts.link, commands, answer));
    const answers = await pipeline(parts.link, commands, answer);
    if (what === "pipeline") return textOf(answers);
    const [only] = answers;
    if (only?.error instanceof FrontError) throw only.error;
    if (only?.error) throw new FrontError(400, only.error.message);
    return only?.text ?? "";
  } finally {
    leave();
  }
}

function textOf(answers: readonly Answer[]): string {
  return `[${answers.map(({ text }) => text).join(",")}]`;
}

/** In order, not atomic: a refused command is an error of its own, and the others are done. */
async function pipeline(
  link: RedisLink,
  commands: readonly RedisCommand[],
  answer: Answerer,
): Promise<readonly Answer[]> {
  const refusals = commands.map(refusal);
  const sent = commands.filter((_command, index) => refusals[index] === null);
  const answers = (sent.length === 0 ? [] : await link.send(sent, answer)).values();
  return refusals.map((reason) =>
    reason === null ? (answers.next().value ?? answer(null)) : answer(new FrontError(400, reason)),
  );
}

/** All or none, so a refused command refuses all. */
async function transact(
  link: RedisLink,
  commands: readonly RedisCommand[],
  answer: Answerer,
): Promise<readonly Answer[]> {
  for (const reason of commands.map(refusal)) if (reason !== null) throw new FrontError(400, reason);
  return (await link.transact(commands)).map(answer);
}

async function answerHealth(link: RedisLink, response: ServerResponse): Promise<void> {
  const late = AbortSignal.timeout(HEALTH_TIMEOUT_MS);
  const timeout = new Promise<null>((resolve) =>
    late.addEventListener("abort", () => resolve(null), { once: true }),
  );
  const reply = await Promise.race([link.ping(), timeout]);
  write(
    response,
    reply === true ? 200 : 503,
    JSON.stringify({ status: reply === true ? "ok" : "redis-server does not answer" }),
  );
}

function writeError(
  request: IncomingMessage,
  response: ServerResponse,
  { status, message }: FrontError,
): void {
  if (!canBeRefused(request, response)) return;
  if (status === 405) response.setHeader("allow", "POST");
  if (status === 401) response.setHeader("www-authenticate", "Bearer");
  write(response, status, JSON.stringify({ error: message }));
}

function write(response: ServerResponse, status: number, text: string): void {
  const body = Buffer.from(text);
  response.writeHead(status, {
    ...HEADERS,
    "content-type": "application/json",
    "content-length": body.length,
  });
  response.end(body);
}
