import { connect } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ApiClient } from "../support/api-client.ts";
import { startE2ePlatform, type E2ePlatform } from "../support/e2e-platform.ts";

/*
 * An attacker with one account or none, at fifty requests a second of one kind, beside eight users who make twenty a second together, each within their
 * limits: nobody of them is refused anything.
 */

const USERS = 8;
const ATTACK_MS = 5_000;
const ATTACK_EVERY_MS = 20;
const USERS_EVERY_MS = 50;
const PASSWORD = "correct horse battery";

let platform: E2ePlatform;
let api: ApiClient;
let tokens: readonly string[];
let attacker: string;

beforeAll(async () => {
  platform = await startE2ePlatform({ RATE_LIMIT_SCALE: "1" });
  api = new ApiClient(platform.url);
  // Each from an address of their own, as people are.
  const signUp = async (name: string, index: number): Promise<string> => {
    const headers = { "cf-connecting-ip": `203.0.113.${index}` };
    const body = { email: `${name}-${index}@example.com`, password: PASSWORD };
    await api.call("POST", "/v1/account/register", { body, headers });
    return String((await api.call("POST", "/v1/account/login", { body, headers })).body["accessToken"]);
  };
  tokens = await Promise.all(Array.from({ length: USERS }, (_, index) => signUp("user", index)));
  attacker = await signUp("attacker", 100);
});

afterAll(() => platform.stop());

/** Sends bytes, and cuts the connection after a while as a killed client does. Nobody looks at the answer. */
function send(text: string, more: { readonly hangsUpAfterMs: number; readonly rest?: string; readonly restAfterMs?: number }): void {
  const socket = connect({ port: Number(new URL(platform.url).port), host: "127.0.0.1" });
  socket.on("error", () => undefined).on("data", () => undefined);
  socket.write(text);
  if (more.rest !== undefined) setTimeout(() => socket.writable && socket.write(more.rest ?? ""), more.restAfterMs ?? 0);
  setTimeout(() => void socket.resetAndDestroy(), more.hangsUpAfterMs);
}

const head = (line: string, headers: Readonly<Record<string, string>>): string =>
  `${line} HTTP/1.1\r\n${Object.entries({ Host: "localhost", ...headers })
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join("")}\r\n`;
const JSON_TYPE = { "Content-Type": "application/json" };

/** What one of the attacker's requests does, by its number. */
const ATTACKS: Readonly<Record<string, (index: number) => void>> = {
  "bodies that are sent slowly": (index) => {
    const signedIn = index % 2 === 0;
    const path = signedIn ? "/v1/history/reports" : "/v1/account/refresh";
    const headers = {
      ...JSON_TYPE,
      ...(signedIn ? { Authorization: `Bearer ${attacker}` } : {}),
      "CF-Connecting-IP": `198.18.0.${index % 250}`,
    };
    if (index % 4 < 2)
      send(`${head(`POST ${path}`, { ...headers, "Content-Length": "20" })}{`, { hangsUpAfterMs: 3_000, rest: "}", restAfterMs: 2_000 });
    else send(`${head(`POST ${path}`, { ...headers, "Transfer-Encoding": "chunked" })}1\r\n{\r\n`, { hangsUpAfterMs: 3_000 });
  },
  "hanging up": (index) =>
    send(head("GET /v1/home", { Authorization: `Bearer ${attacker}`, "CF-Connecting-IP": `198.18.1.${index % 250}` }), {
      hangsUpAfterMs: 1,
    }),
  "hosts that are none": (index) => {
    const host = index % 2 === 0 ? "a b" : "[::1";
    const headers = { ...JSON_TYPE, Host: host, "CF-Connecting-IP": `198.18.3.${index % 250}`, "Content-Length": "2" };
    send(`${head("POST /v1/account/refresh", headers)}{}`, { hangsUpAfterMs: 500 });
  },
  "wrong passwords": (index) => {
    const body = JSON.stringify({ email: `user-${index % USERS}@example.com`, password: `wrong ${PASSWORD}` });
    const headers = { ...JSON_TYPE, "CF-Connecting-IP": "198.18.2.1", "Content-Length": String(body.length) };
    send(head("POST /v1/account/login", headers) + body, { hangsUpAfterMs: 2_000 });
  },
  "addresses that nobody knows": (index) =>
    send(head("GET /v1/history", { "CF-Connecting-IP": `2001:db8:${index.toString(16)}::1` }), { hangsUpAfterMs: 500 }),
  readiness: () => send(head("GET /readyz", {}), { hangsUpAfterMs: 1_000 }),
};

/** Does something so often, for as long as an attack lasts. */
async function every(ms: number, what: (index: number) => void): Promise<void> {
  let index = 0;
  const timer = setInterval(() => what((index += 1)), ms);
  await new Promise((resolve) => setTimeout(resolve, ATTACK_MS));
  clearInterval(timer);
}

describe("eight users are refused nothing beside fifty requests a second of", () => {
  it.each(Object.entries(ATTACKS))("%s", async (_kind, attack) => {
    const answers: Promise<number>[] = [];
    const live = (index: number): void => {
      const token = tokens[index % USERS] ?? "";
      const path = index % 3 === 0 ? "/v1/account/me" : "/v1/wallet";
      answers.push(api.call("GET", path, { token }).then(({ status }) => status));
    };
    await Promise.all([every(ATTACK_EVERY_MS, attack), every(USERS_EVERY_MS, live)]);
    const statuses = await Promise.all(answers);
    expect(statuses.length).toBeGreaterThan(ATTACK_MS / USERS_EVERY_MS / 2);
    expect(statuses.filter((status) => status !== 200)).toEqual([]);
  });
});
