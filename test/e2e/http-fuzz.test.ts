import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { OWN_PATHS } from "../../src/gateway/own-routes.ts";
import { ROUTES } from "../../src/gateway/routes.ts";
import { oddRequest, plainRequest } from "../fuzz/http-request.ts";
import { integer, pick } from "../fuzz/odd-values.ts";
import { exchange, type RawAnswer, type RawRequest } from "../fuzz/raw-exchange.ts";
import { prepareSamples, type RouteSample } from "../fuzz/route-samples.ts";
import { mulberry32 } from "../../testbed/mulberry32.ts";
import { ApiClient } from "../../testbed/clients/api-client.ts";
import { startE2ePlatform, type E2ePlatform } from "../support/platforms/e2e-platform.ts";

/*
 * Every route, asked by raw sockets for anything. 1,000 requests here, FUZZ_REQUESTS of them in
 * `npm run test:fuzz`; FUZZ_SEED chooses others.
 */

const REQUESTS = Number(process.env["FUZZ_REQUESTS"] ?? 1_000);
const SEED = Number(process.env["FUZZ_SEED"] ?? 1);
const AT_ONCE = 6;
/** A grave sample is sent in so many of its turns: some hash a password, some move a platform. */
const GRAVE_PART = 0.3;
const REFUSED_PART_MAX = 0.01;
const MS_PER_REQUEST = 100;
const OUR_HEADERS = [
  "x-request-id",
  "traceparent",
  "x-content-type-options",
  "strict-transport-security",
  "content-security-policy",
  "cache-control",
  "vary",
];

let platform: E2ePlatform;
let samples: readonly RouteSample[];

beforeAll(async () => {
  platform = await startE2ePlatform();
  const { ADMIN_EMAIL: email, ADMIN_PASSWORD: password } = platform.secrets;
  samples = await prepareSamples({
    api: new ApiClient(platform.url),
    admin: { email, password },
    eventually,
  });
});

afterAll(() => platform.stop());

async function eventually(check: () => Promise<boolean>): Promise<void> {
  const startedAtMs = Date.now();
  while (!(await check())) {
    if (Date.now() - startedAtMs > 20_000) throw new Error("not within 20 s");
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

interface Found {
  readonly faults: string[];
  readonly succeeded: Set<string>;
  readonly statuses: Map<number, number>;
  sent: number;
  reachedBff: number;
  refusedForNow: number;
}

/** Routes that open sockets, and answer nothing else. */
const OF_SOCKETS = new Set(
  ROUTES.flatMap(({ path, isUpgrade = false }) => (isUpgrade ? [`GET ${path}`] : [])),
);
/** What the gateway answers itself. */
const OWN = new Set(ROUTES.flatMap(({ path, upstream }) => (upstream === "gateway" ? [path] : [])));

/** Whether a BFF has answered: only what nobody else says is counted, so that it may be more. */
function isFromBff({ status, body }: RawAnswer, path: string): boolean {
  if (status < 300 || status === 409 || status === 422)
    return path.startsWith("/v1/") && !OWN.has(path) && status !== 204;
  return /"detail":"(The body is not (JSON|UTF-8)|Idempotency-Key must|An Idempotency-Key|No such (?!route)|There is no such)/.test(
    body,
  );
}

const portOf = (): number => Number(new URL(platform.url).port);

/** What a problem says that a busy machine makes, and no request by what is in it. */
const FOR_NOW = /"code":"(OVERLOADED|UNAVAILABLE|DEADLINE_EXCEEDED)"/;

/**
 * The answer to a request. A shard refuses reads while a queue stands before it, a database may be
 * late, and on a machine that others use as well so may anybody: who says so is asked again a
 * little later. Few may say so, and nobody twice: what a request itself brings about it would bring
 * about again.
 */
async function answerTo(request: RawRequest, found: Found): Promise<RawAnswer | null> {
  // Who is still sending when they are refused may have the answer swept away by a reset of the
  // connection: sent at once, it is answered before that.
  const answer =
    (await exchange(portOf(), request)) ??
    (await exchange(portOf(), { ...request, pieces: [Buffer.concat(request.pieces)] }));
  if (answer === null || answer.status <= 500 || !FOR_NOW.test(answer.body)) return answer;
  found.refusedForNow += 1;
  const waitMs = Number(answer.headers.get("retry-after") ?? 1) * 1_000;
  await new Promise((resolve) => setTimeout(resolve, waitMs));
  return exchange(portOf(), request);
}

async function tryOne(sample: RouteSample, request: RawRequest, found: Found): Promise<void> {
  const answer = await answerTo(request, found);
  const sent = Buffer.concat(request.pieces)
    .toString("latin1")
    .replace(/eyJ[\w.-]+/, "<token>");
  const told = `${answer?.status ?? "no answer"} ${answer?.body.slice(0, 300) ?? ""}\n  to ${sent.slice(0, 600)}`;
  found.sent += 1;
  if (answer === null) {
    // Who closes in the middle of a body may be taken for gone.
    if (!request.breaksOff) found.faults.push(told);
    return;
  }
  found.statuses.set(answer.status, (found.statuses.get(answer.status) ?? 0) + 1);
  if (answer.status >= 500) found.faults.push(told);
  const missing = OUR_HEADERS.filter((name) => !answer.headers.has(name));
  if (missing.length > 0) found.faults.push(`without ${missing.join()}: ${told}`);
  if (isFromBff(answer, sample.path)) found.reachedBff += 1;
}

/** The right answer to who asks for no upgrade where there are only sockets. */
function isSocketless({ status }: RawAnswer, { route }: RouteSample): boolean {
  return status === 426 && OF_SOCKETS.has(route);
}

/** The only answer to a GET of a BFF that is no JSON. */
const NO_JSON = "/v1/history/export";

describe("every JSON answer to a GET", () => {
  it("is trimmed to the members that `fields` names, on each route of a BFF", async () => {
    const gets = samples.filter(
      ({ method, path, route }) => method === "GET" && path.startsWith("/v1/") && !OF_SOCKETS.has(route),
    );
    const routes = ROUTES.filter(({ isUpgrade = false, methods }) => !isUpgrade && methods.includes("GET"));
    expect(new Set(gets.map(({ route }) => route)).size).toBe(routes.length);
    for (const sample of gets.filter(({ path }) => path !== NO_JSON)) {
      const asked = plainRequest({ ...sample, query: `${sample.query}&fields=notThere` });
      const answer = await exchange(portOf(), asked);
      expect([sample.route, answer?.status, answer?.body]).toEqual([sample.route, 200, "{}"]);
    }
  });
});

describe(`${REQUESTS} requests of any kind to every route`, () => {
  it(
    "never get a 5xx, nor an answer without our headers; a third of them reach a BFF; each route succeeds",
    async () => {
      const found: Found = {
        faults: [],
        succeeded: new Set(),
        statuses: new Map(),
        sent: 0,
        reachedBff: 0,
        refusedForNow: 0,
      };
      for (const sample of samples) {
        const answer = await answerTo(plainRequest(sample), found);
        found.sent += 1;
        if (answer !== null && (answer.status < 300 || isSocketless(answer, sample)))
          found.succeeded.add(sample.route);
        if (answer !== null && isFromBff(answer, sample.path)) found.reachedBff += 1;
      }
      const all = [
        ...OWN_PATHS.map((path) => `GET ${path}`),
        ...ROUTES.flatMap(({ methods, path }) => methods.map((method) => `${method} ${path}`)),
      ];
      expect(all.filter((route) => !found.succeeded.has(route))).toEqual([]);

      const random = mulberry32(SEED);
      const sendSome = async (): Promise<void> => {
        while (found.sent < REQUESTS) {
          const sample = pick(random, samples);
          if (sample.isGrave && integer(random, 100) >= GRAVE_PART * 100) continue;
          await tryOne(sample, oddRequest(sample, random), found);
        }
      };
      await Promise.all(Array.from({ length: AT_ONCE }, sendSome));
      process.stdout.write(
        `fuzz: ${found.sent} sent, ${found.reachedBff} reached a BFF, ${found.refusedForNow} were asked to come back, ${JSON.stringify(Object.fromEntries([...found.statuses].sort(([a], [b]) => a - b)))}\n`,
      );
      expect(found.faults).toEqual([]);
      expect(found.refusedForNow / found.sent).toBeLessThan(REFUSED_PART_MAX);
      expect(found.reachedBff / found.sent).toBeGreaterThan(1 / 3);
    },
    60_000 + REQUESTS * MS_PER_REQUEST,
  );
});
