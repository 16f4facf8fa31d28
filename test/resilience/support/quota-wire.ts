import fc from "fast-check";
import type { ClientQuota, QuotaMode } from "../../../src/resilience/quota/client-quota.ts";
import { createClientQuota } from "../../../src/resilience/quota/create-client-quota.ts";
import { quotaFor } from "../../../src/resilience/quota/quota-for.ts";
import type { RateAnswer, RateAsk, RateLimit, RateQuota } from "../../../src/resilience/quota/rate-limit.ts";
import { answerAsk } from "../../../src/resilience/quota/rate-server.ts";

/**
 * What becomes of an ask and its answer. `restarted`: the server is killed after it has stored the
 * answer's state.
 */
export type Fate = "answered" | "late" | "ask lost" | "answer lost" | "answered twice" | "restarted";

export interface WireStep {
  readonly isolate: number;
  readonly afterMs: number;
  readonly fate: Fate;
  readonly clockErrorMs: number;
}

export const ISOLATES = 3;
export const LATE_MS = 100;

export function wireSteps(fates: readonly Fate[], gapMsMax: number): fc.Arbitrary<readonly WireStep[]> {
  const fate = fc.oneof(
    { weight: 3, arbitrary: fc.constant<Fate>("answered") },
    { weight: 2, arbitrary: fc.constantFrom(...fates) },
  );
  const clockErrorMs = fc.oneof({ weight: 5, arbitrary: fc.constant(0) }, fc.integer({ min: -500, max: 0 }));
  const step = fc.record({ isolate: fc.nat(ISOLATES - 1), afterMs: fc.nat(gapMsMax), fate, clockErrorMs });
  return fc.array(step, { maxLength: 150, size: "max" });
}

/**
 * Isolates, a server, and a wire between them that delays, loses and repeats. It keeps the books
 * that neither side sees.
 */
export class QuotaWire {
  readonly admittedAtMs: number[] = [];
  /** What the server handed out or counted, and when. */
  readonly served: { readonly atMs: number; readonly units: number }[] = [];
  returned = 0;
  waited = 0;
  readonly #limit: RateLimit;
  readonly #isolates: readonly ClientQuota[];
  readonly #late: { readonly dueMs: number; readonly deliver: (nowMs: number) => void }[] = [];
  #server: RateQuota;

  constructor(mode: QuotaMode, limit: RateLimit, quietShare = 0) {
    this.#limit = limit;
    this.#server = quotaFor(limit);
    this.#isolates = Array.from({ length: ISOLATES }, () =>
      createClientQuota(mode, limit, { onUnreachable: "closed", quietShare }),
    );
  }

  /** A request of cost 1 comes to an isolate, after whatever is late and due has arrived. */
  request(nowMs: number, { isolate, fate, clockErrorMs }: WireStep): void {
    this.deliverUntil(nowMs);
    const quota = this.#isolates[isolate];
    if (quota === undefined) return;
    const decision = quota.decide(nowMs + clockErrorMs, 1);
    if (decision !== null) this.#settle(nowMs, decision.allowed, quota, fate);
    else this.#askFirst(nowMs, quota, fate);
  }

  deliverUntil(nowMs: number): void {
    for (let next = this.#late[0]; next !== undefined && next.dueMs <= nowMs; next = this.#late[0]) {
      this.#late.shift();
      next.deliver(next.dueMs);
    }
  }

  /** Every isolate is forgotten, and sends what it still has to send. */
  part(nowMs: number): void {
    this.deliverUntil(nowMs);
    for (const quota of this.#isolates) {
      const ask = quota.parting(nowMs);
      if (ask !== null) this.#serve(nowMs, ask);
    }
  }

  #askFirst(nowMs: number, quota: ClientQuota, fate: Fate): void {
    this.waited += 1;
    const ask = quota.ask(nowMs, 1);
    const receive = (atMs: number, answer: RateAnswer): void =>
      this.#settle(atMs, quota.answered(atMs, 1, answer).allowed, quota, "answered");
    if (fate === "ask lost") return void quota.unreachable(nowMs, 1);
    const answer = this.#serve(nowMs, ask);
    if (fate === "restarted") this.#restart();
    if (fate === "answer lost") return void quota.unreachable(nowMs, 1);
    if (fate === "late")
      return void this.#late.push({ dueMs: nowMs + LATE_MS, deliver: (atMs) => receive(atMs, answer) });
    receive(nowMs, answer);
    if (fate === "answered twice" && this.#late.length === 0) quota.answered(nowMs, 1, answer);
  }

  #settle(nowMs: number, allowed: boolean, quota: ClientQuota, fate: Fate): void {
    if (allowed) this.admittedAtMs.push(nowMs);
    const ask = quota.background(nowMs);
    if (ask === null) return;
    if (fate === "ask lost") return quota.failed(nowMs);
    const answer = this.#serve(nowMs, ask);
    if (fate === "answer lost") return quota.failed(nowMs);
    if (fate === "late")
      return void this.#late.push({ dueMs: nowMs + LATE_MS, deliver: (atMs) => quota.learned(atMs, answer) });
    quota.learned(nowMs, answer);
    if (fate === "answered twice") quota.learned(nowMs, answer);
  }

  #serve(nowMs: number, ask: RateAsk): RateAnswer {
    const answer = answerAsk(this.#server, this.#limit, nowMs, ask);
    const taken = ask.kind === "take" && answer.allowed ? ask.cost : 0;
    this.served.push({ atMs: nowMs, units: answer.granted + (answer.counted ?? 0) + taken });
    if (ask.kind === "lease") this.returned += ask.returned;
    if (ask.kind === "give_back") this.returned += ask.cost;
    return answer;
  }

  #restart(): void {
    this.#server = quotaFor(this.#limit, JSON.parse(JSON.stringify(this.#server.state)));
  }
}
