import { ApiClient } from "./api-client.ts";
import { from } from "./attacks.ts";

/** Users who do what users do, well within their limits. */
export interface Bystander {
  readonly email: string;
  readonly address: string;
  readonly token: string;
  refreshToken: string;
}

export type Deed = "read" | "report" | "refresh" | "login";

export interface Answered {
  readonly deed: Deed;
  readonly status: number;
  readonly code: unknown;
  readonly ms: number;
  /** Whether a shard had asked to come back, which was done once, as a player does. */
  readonly wasPutOff: boolean;
}

const PASSWORD = "correct horse battery";
const RESTED_MS = 250;
/** What `Retry-After` says. */
const COME_BACK_MS = 1_000;

/** Registers users and signs them in, each from an address of their own. */
export async function bystanders(
  url: string,
  count: number,
  prefix = "bystander",
): Promise<readonly Bystander[]> {
  const api = new ApiClient(url);
  const users: Bystander[] = [];
  for (let number = 0; number < count; number += 1) {
    const email = `${prefix}-${number}@example.com`;
    const address = `203.0.113.${number + 1}`;
    await api.call("POST", "/v1/account/register", {
      body: { email, password: PASSWORD },
      headers: from(address),
    });
    const { status, body } = await api.call("POST", "/v1/account/login", {
      body: { email, password: PASSWORD },
      headers: from(address),
    });
    if (status !== 200) throw new Error(`signing in answered ${status}: ${JSON.stringify(body)}`);
    users.push({
      email,
      address,
      token: String(body["accessToken"]),
      refreshToken: String(body["refreshToken"]),
    });
  }
  return users;
}

/**
 * Each of them reads and reports every quarter of a second, and refreshes and logs in once. All
 * that they were answered.
 */
export async function goAboutTheirBusiness(
  url: string,
  users: readonly Bystander[],
  seconds: number,
): Promise<readonly Answered[]> {
  const api = new ApiClient(url);
  const answers: Answered[] = [];
  const untilMs = performance.now() + seconds * 1_000;
  await Promise.all(users.map((user, index) => live(api, user, index, untilMs, answers)));
  return answers;
}

async function live(
  api: ApiClient,
  user: Bystander,
  index: number,
  untilMs: number,
  answers: Answered[],
): Promise<void> {
  for (let round = index; performance.now() < untilMs; round += 1) {
    const { token } = user;
    const note = async (
      deed: Deed,
      call: () => ReturnType<ApiClient["call"]>,
    ): ReturnType<ApiClient["call"]> => {
      const startedAtMs = performance.now();
      let answer = await call();
      const wasPutOff = deed === "read" && answer.body["code"] === "OVERLOADED";
      if (wasPutOff) {
        await new Promise((resolve) => setTimeout(resolve, COME_BACK_MS));
        answer = await call();
      }
      answers.push({
        deed,
        status: answer.status,
        code: answer.body["code"],
        ms: performance.now() - startedAtMs,
        wasPutOff,
      });
      return answer;
    };
    await note("read", () => api.call("GET", "/v1/history", { token }));
    const reports = [{ kind: "video", itemId: "film", positionMs: round * 1_000, durationMs: 600_000 }];
    await note("report", () => api.call("POST", "/v1/history/reports", { token, body: { reports } }));
    const headers = from(user.address);
    // A login is dear to everybody: a user makes one in the time of an attack, each at another
    // moment.
    if (round === 2 * index + 1)
      await note("login", () =>
        api.call("POST", "/v1/account/login", { body: { email: user.email, password: PASSWORD }, headers }),
      );
    // A session may be refreshed ten times a minute, and there is one attack after the other.
    if (round === 2 * index + 3) {
      const { body } = await note("refresh", () =>
        api.call("POST", "/v1/account/refresh", { body: { refreshToken: user.refreshToken }, headers }),
      );
      if (body["refreshToken"] !== undefined) user.refreshToken = String(body["refreshToken"]);
    }
    await new Promise((resolve) => setTimeout(resolve, RESTED_MS));
  }
}
