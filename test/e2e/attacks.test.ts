import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ApiClient } from "../../testbed/clients/api-client.ts";
import {
  ATTACKS,
  from,
  FROM_MANY_ADDRESSES,
  type Attack,
  type Target,
} from "../../testbed/clients/attacks.ts";
import {
  bystanders,
  goAboutTheirBusiness,
  type Answered,
  type Bystander,
} from "../../testbed/clients/bystanders.ts";
import { startE2ePlatform, type E2ePlatform } from "../support/platforms/e2e-platform.ts";

const PER_SECOND = 50;
/** Of each attack; twice as many in `npm run test:long`. */
const SECONDS = Number(process.env["ATTACK_SECONDS"] ?? 2);
const USERS = 8;
/**
 * Here one thread serves the gateway, identity and all shards, and others' processes share its
 * core: what makes it late for 100 ms makes a shard put reads off. They come back as told, and must
 * be served then. A door that lets an attack through refuses others each time.
 */
const BUSY_MACHINE = { retry: 2 } as const;
const PUT_OFF_MAX = 0.1;

let platform: E2ePlatform;
let api: ApiClient;
let others: readonly Bystander[];
let target: Target;

// The limits are what is tested.
beforeAll(async () => {
  platform = await startE2ePlatform({ RATE_LIMIT_SCALE: "1", FAULTS: "off" });
  api = new ApiClient(platform.url);
  others = await bystanders(platform.url, USERS);
  const [attacker, victim] = await bystanders(platform.url, 2, "involved");
  if (attacker === undefined || victim === undefined) throw new Error("nobody could register");
  target = { url: platform.url, attacker, victimEmail: victim.email };
});

afterAll(() => platform.stop());

async function underAttack({ start }: Attack): Promise<{
  readonly answers: readonly Answered[];
  readonly attacker: Readonly<Record<string, number>>;
}> {
  const attack = start(target, PER_SECOND);
  const answers = await goAboutTheirBusiness(platform.url, others, SECONDS);
  return { answers, attacker: await attack.stop() };
}

const refusedOf = (answers: readonly Answered[]): readonly Answered[] =>
  answers.filter(({ status }) => status !== 200);
const deedsOf = (answers: readonly Answered[]): readonly string[] =>
  [...new Set(answers.map(({ deed }) => deed))].sort();

describe("wrong passwords at 50 a second", () => {
  it.each(ATTACKS.map((attack) => [attack.name, attack] as const))(
    "%s: eight other users' reads, reports, refreshes and logins are refused nothing",
    BUSY_MACHINE,
    async (_name, attack) => {
      const { answers, attacker } = await underAttack(attack);
      expect(refusedOf(answers)).toEqual([]);
      expect(answers.filter(({ wasPutOff }) => wasPutOff).length).toBeLessThan(PUT_OFF_MAX * answers.length);
      expect(deedsOf(answers)).toEqual(["login", "read", "refresh", "report"]);
      expect(attacker["429"]).toBeGreaterThan((PER_SECOND * SECONDS * 2) / 3);
      expect(attacker["200"] ?? attacker["204"] ?? 0).toBe(0);
    },
  );

  it("from forty addresses refuse no report and no refresh", BUSY_MACHINE, async () => {
    const { answers } = await underAttack(FROM_MANY_ADDRESSES);
    expect(refusedOf(answers.filter(({ deed }) => deed === "report" || deed === "refresh"))).toEqual([]);
  });
});

describe("right passwords", () => {
  it("are nine 200s if they come at once from one address", async () => {
    const email = "nine@example.com";
    const headers = from("192.0.2.9");
    const body = { email, password: "correct horse battery" };
    await api.call("POST", "/v1/account/register", { body, headers });
    const answers = await Promise.all(
      Array.from({ length: 9 }, () => api.call("POST", "/v1/account/login", { body, headers })),
    );
    expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 9 }, () => 200));
  });
});
