import fc, { type Scheduler } from "fast-check";
import { describe, expect, it } from "vitest";
import { PaperFamily, type Verdict } from "../support/paper-family.ts";
import { FIRST_SECRET, RefreshWorld, SECOND_SECRET } from "../support/refresh-world.ts";

/*
 * One session, two tabs that share its token, a thief who keeps whatever was ever told, answers
 * that are lost, secrets that reach one isolate after the other, clocks: all at once, in any order
 * the database may see them in. What comes of each refresh is what a session on paper says.
 */

const RUNS = 1_000;
const LIMIT = 2;
const DAY_MS = 86_400_000;
/** How the secret is changed, by what an isolate is given, one step after the other. */
const STEPS = [["A"], ["A", "B"], ["B", "A"], ["B"]] as const;

const isolate = fc.nat({ max: 1 });
const refresh = fc.record({ kind: fc.constant("refresh" as const), isolate, isLost: fc.boolean() });
const wait = fc.record({
  kind: fc.constant("wait" as const),
  ms: fc.constantFrom(1, 3_000, 9_999, 10_000, 30_000, 20 * DAY_MS),
});
const theft = fc.record({ kind: fc.constant("theft" as const), isolate, back: fc.nat({ max: 3 }) });
const change = fc.record({ kind: fc.constant("change" as const), isolate });
const plan = fc.record({
  tabs: fc.tuple(
    fc.array(fc.oneof({ weight: 3, arbitrary: refresh }, wait), { minLength: 1, maxLength: 8 }),
    fc.array(fc.oneof({ weight: 3, arbitrary: refresh }, wait), { maxLength: 8 }),
  ),
  thief: fc.array(fc.oneof(theft, wait), { maxLength: 2 }),
  operator: fc.array(change, { maxLength: 5 }),
  aheadMs: fc.integer({ min: -300_000, max: 300_000 }),
  isOfBefore: fc.boolean(),
});

type Plan = typeof plan extends fc.Arbitrary<infer A> ? A : never;
type Deed = Plan["tabs"][number][number] | Plan["thief"][number] | Plan["operator"][number];

/** How often each verdict was given, over all runs. */
const given = new Map<string, number>();

class Play {
  readonly world = new RefreshWorld();
  /** By its number, each token that was ever told, and whom nobody may be told differently. */
  readonly #told: string[] = [];
  readonly #steps = [0, 0];
  readonly #scheduler: Scheduler;
  readonly #plan: Plan;
  readonly paper: PaperFamily;
  readonly disagreements: string[] = [];

  constructor(scheduler: Scheduler, plan: Plan) {
    this.#scheduler = scheduler;
    this.#plan = plan;
    this.paper = new PaperFamily({
      nowMs: this.world.clock.now(),
      limit: LIMIT,
      secret: plan.isOfBefore ? null : "A",
    });
  }

  async run(): Promise<void> {
    if (this.#plan.isOfBefore) await this.world.openBefore("random");
    this.#told.push(this.#plan.isOfBefore ? "random" : await this.world.open());
    const { tabs, thief, operator } = this.#plan;
    const all = [...tabs, thief, operator].map((deeds) => this.#do(deeds));
    await this.#scheduler.waitFor(Promise.all(all));
  }

  /** One tab, the thief or the operator: one deed after the other. */
  async #do(deeds: readonly Deed[]): Promise<void> {
    let held = 0;
    for (const deed of deeds) {
      await this.#scheduler.schedule(Promise.resolve(), deed.kind);
      if (deed.kind === "wait") this.world.clock.turn(deed.ms);
      else if (deed.kind === "change") {
        const step = this.#steps[deed.isolate] ?? 0;
        this.#steps[deed.isolate] = Math.min(step + 1, STEPS.length - 1);
      } else if (deed.kind === "theft")
        await this.#present(Math.max(0, this.#told.length - 1 - deed.back), deed.isolate);
      else {
        const next = await this.#present(held, deed.isolate);
        if (next !== null && !deed.isLost) held = next;
      }
    }
  }

  /** Answers the number of the token that was told for it; null where there is none. */
  async #present(number: number, isolate: number): Promise<number | null> {
    const knows = STEPS[this.#steps[isolate] ?? 0] ?? STEPS[0];
    const aheadMs = isolate === 0 ? 0 : this.#plan.aheadMs;
    const nowMs = this.world.clock.now() + aheadMs;
    let verdict: Verdict | { readonly kind: "unknown secret" } = { kind: "unknown secret" };
    const sessions = this.world.isolate({
      secrets: knows.map((name) => (name === "A" ? FIRST_SECRET : SECOND_SECRET)),
      limit: LIMIT,
      // A call reads its clock once, when it comes.
      aheadMs: nowMs - this.world.clock.now(),
      between: async (ask) => {
        await this.#scheduler.schedule(Promise.resolve(), "the database");
        verdict = this.paper.present(number, { knows, nowMs }, this.world.clock.now());
        return ask();
      },
    });
    const answer = await this.world.refreshed(this.#told[number] ?? "", sessions);
    return this.#compare(number, verdict, answer);
  }

  #compare(number: number, verdict: Verdict | { readonly kind: "unknown secret" }, answer: string) {
    given.set(verdict.kind, (given.get(verdict.kind) ?? 0) + 1);
    const isTold = verdict.kind === "traded" || verdict.kind === "again";
    const expected = isTold
      ? (this.#told[verdict.next] ?? "a token")
      : verdict.kind === "too often"
        ? "RATE_LIMITED"
        : verdict.kind === "unknown successor"
          ? "UNAVAILABLE"
          : "UNAUTHENTICATED";
    const isNew = expected === "a token" && answer.startsWith("v1.");
    if (answer !== expected && !isNew)
      this.disagreements.push(`token ${number}, ${verdict.kind}: ${answer} instead of ${expected}`);
    if (!isTold) return null;
    this.#told[verdict.next] = answer;
    return verdict.next;
  }

  /** What is stored at the end, and what must be. */
  stored() {
    const rows = this.world.db.statement("SELECT generation, revoke_reason FROM session").all();
    const tokens = this.world.db.statement("SELECT count(*) AS n FROM refresh_token").get()?.["n"];
    return { rows: rows.map((row) => ({ ...row })), tokens };
  }
}

describe("refreshes of one session in any order", () => {
  it(`come to what a session on paper says, in ${RUNS} random interleavings`, async () => {
    await fc.assert(
      fc.asyncProperty(fc.scheduler(), plan, async (scheduler, chosen) => {
        const play = new Play(scheduler, chosen);
        await play.run();
        expect(play.disagreements).toEqual([]);
        const { newest, hasEnded } = play.paper;
        expect(play.stored()).toEqual({
          rows: [
            {
              generation: chosen.isOfBefore && newest === 0 ? null : newest,
              revoke_reason: hasEnded ? "reuse" : null,
            },
          ],
          tokens: chosen.isOfBefore ? 1 : 0,
        });
      }),
      { numRuns: RUNS },
    );
    const kinds = ["traded", "again", "reused", "too often", "over", "unknown secret", "unknown successor"];
    expect(kinds.filter((kind) => (given.get(kind) ?? 0) < 10)).toEqual([]);
  }, 60_000);
});
