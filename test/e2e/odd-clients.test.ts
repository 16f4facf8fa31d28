import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ApiClient } from "../../testbed/clients/api-client.ts";
import { ATTACKS } from "../../testbed/clients/attacks.ts";
import { startE2ePlatform, type E2ePlatform } from "../support/platforms/e2e-platform.ts";
import { ODD_ATTACKS } from "../../testbed/clients/odd-attacks.ts";

/*
 * An attacker with one account or none, at fifty requests a second of one kind, beside eight users
 * who make twenty a second together, each within their limits: nobody of them is refused anything.
 */

const USERS = 8;
/** Of each attack; twice as many seconds in `npm run test:long`. */
const ATTACK_MS = Number(process.env["ATTACK_SECONDS"] ?? 2) * 1_000;
const PER_SECOND = 50;
const USERS_EVERY_MS = 50;
const PASSWORD = "correct horse battery";

let platform: E2ePlatform;
let api: ApiClient;
const tokens: string[] = [];
let attacker: string;

beforeAll(async () => {
  platform = await startE2ePlatform({ RATE_LIMIT_SCALE: "1" });
  api = new ApiClient(platform.url);
  // Each from an address of their own, as people are.
  const signUp = async (name: string, index: number): Promise<string> => {
    const headers = { "cf-connecting-ip": `203.0.113.${index}` };
    const body = { email: `${name}-${index}@example.com`, password: PASSWORD };
    await api.call("POST", "/v1/account/register", { body, headers });
    const { status, body: grant } = await api.call("POST", "/v1/account/login", { body, headers });
    if (status !== 200) throw new Error(`a login was answered ${status}`);
    return String(grant["accessToken"]);
  };
  // One after the other: hashing takes its time, and who waits too long for it is refused.
  for (let index = 0; index < USERS; index += 1) tokens.push(await signUp("user", index));
  attacker = await signUp("attacker", 100);
});

afterAll(() => platform.stop());

/** Does something so often, for as long as an attack lasts. */
async function every(ms: number, what: (index: number) => void): Promise<void> {
  let index = 0;
  const timer = setInterval(() => what((index += 1)), ms);
  await new Promise((resolve) => setTimeout(resolve, ATTACK_MS));
  clearInterval(timer);
}

describe("eight users are refused nothing beside fifty requests a second of", () => {
  it.each([...ODD_ATTACKS, ...ATTACKS.slice(0, 1)].map((attack) => [attack.name, attack] as const))(
    "%s",
    async (_kind, attack) => {
      const answers: Promise<number>[] = [];
      const live = (index: number): void => {
        const token = tokens[index % USERS] ?? "";
        const path = index % 3 === 0 ? "/v1/account/me" : "/v1/wallet";
        answers.push(api.call("GET", path, { token }).then(({ status }) => status));
      };
      const running = attack.start(
        { url: platform.url, attacker: { token: attacker }, victimEmail: "user-0@example.com" },
        PER_SECOND,
      );
      await every(USERS_EVERY_MS, live);
      const sent = Object.values(await running.stop()).reduce((sum, count) => sum + count, 0);
      expect(sent).toBeGreaterThan((ATTACK_MS / 1_000) * PER_SECOND * 0.8);
      const statuses = await Promise.all(answers);
      expect(statuses.length).toBeGreaterThan(ATTACK_MS / USERS_EVERY_MS / 2);
      expect(statuses.filter((status) => status !== 200)).toEqual([]);
    },
  );
});
