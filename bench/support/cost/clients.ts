import { randomUUID } from "node:crypto";

/** Where requests of clients go: the platform in virtual time, or a real one. */
export interface Api {
  readonly request: (client: number, path: string, init: RequestInit) => Promise<Response>;
}

export type Headers = Readonly<Record<string, string>>;

interface Sending {
  readonly headers: Headers;
  readonly body?: object;
}

/** No viewer has this number. */
const OPERATOR = 1_000_000;
const PASSWORD = "correct horse battery";

export function realApi(url: string): Api {
  return { request: (_client, path, init) => fetch(url + path, init) };
}

/** One request of a client, which must go well. */
export async function send(
  api: Api,
  client: number,
  method: "GET" | "POST",
  path: string,
  { headers, body }: Sending,
): Promise<Readonly<Record<string, unknown>>> {
  const response = await api.request(client, path, {
    method,
    headers: { ...headers, "content-type": "application/json" },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${method} ${path} answered ${response.status}: ${text}`);
  return JSON.parse(text) as Readonly<Record<string, unknown>>;
}

/** Makes an account. Answers whose it is. */
export async function signUp(api: Api, number: number): Promise<string> {
  const { userId } = await send(api, number, "POST", "/v1/account/register", {
    headers: headersOf(number),
    body: { email: emailOf(number), password: PASSWORD },
  });
  return String(userId);
}

/** Signs in who has signed up. Answers the headers that they send from now on. */
export function signIn(api: Api, number: number): Promise<Headers> {
  return signInAs(api, number, emailOf(number), PASSWORD);
}

/** A heartbeat of a player. */
export async function report(api: Api, number: number, headers: Headers, positionMs: number): Promise<void> {
  const item = { kind: "video", itemId: `movie-${number % 100}`, positionMs, durationMs: 5_400_000 };
  await send(api, number, "POST", "/v1/history/reports", { headers, body: { reports: [item] } });
}

/** A look at what to continue. */
export async function readContinue(api: Api, number: number, headers: Headers): Promise<void> {
  await send(api, number, "GET", "/v1/history/continue?limit=20", { headers });
}

/** A cent from the wallet into the savings. */
export async function transfer(api: Api, number: number, headers: Headers): Promise<void> {
  await send(api, number, "POST", "/v1/transfers", {
    headers: { ...headers, "idempotency-key": randomUUID() },
    body: { from: "wallet", to: "savings", amount: 1 },
  });
}

/** As an operator: makes what pays into somebody's wallet. */
export async function payer(
  api: Api,
  { ADMIN_EMAIL: email = "", ADMIN_PASSWORD: password = "" }: Readonly<Record<string, string>>,
): Promise<(userId: string) => Promise<void>> {
  const operator = await signInAs(api, OPERATOR, email, password);
  return async (userId) => {
    const headers = { ...operator, "idempotency-key": randomUUID() };
    const path = `/v1/ops/wallets/${userId}/deposits`;
    await send(api, OPERATOR, "POST", path, { headers, body: { amount: 1_000_000 } });
  };
}

async function signInAs(api: Api, number: number, email: string, password: string): Promise<Headers> {
  const headers = headersOf(number);
  const { accessToken } = await send(api, number, "POST", "/v1/account/login", {
    headers,
    body: { email, password },
  });
  return { ...headers, authorization: `Bearer ${String(accessToken)}` };
}

/** As Cloudflare's edge tells it. */
function headersOf(number: number): Headers {
  return { "cf-connecting-ip": `10.${(number >> 16) & 255}.${(number >> 8) & 255}.${number & 255}` };
}

function emailOf(number: number): string {
  return `viewer-${number}@example.com`;
}
