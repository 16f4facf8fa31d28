import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, expect, it } from "vitest";
import { WebSocket } from "ws";
import { PlayheadClient, type SocketLike } from "../../clients/typescript/client.ts";
import { nameOf } from "../../clients/typescript/history-copy.ts";
import type { Told } from "../../clients/typescript/client-events.ts";
import type { Report } from "../../clients/typescript/wire.ts";
import type { RunningPlatform } from "../../scripts/runtime/platform.ts";
import { makeSecrets } from "../../scripts/runtime/secrets.ts";
import { ApiClient } from "../../testbed/clients/api-client.ts";
import { stateOf } from "../support/platforms/d1-history-rows.ts";
import { startPlatformOn } from "../support/platforms/e2e-platform.ts";
import { HistoryClient } from "../support/platforms/history-client.ts";
import { copyMigratedState } from "../support/platforms/migrated-state.ts";

/** Two thousand of them in `npm run test:long`. */
const DEVICES = Number(process.env["DEPLOYED_UNDER"] ?? 80);
const DEVICES_PER_USER = 8;
const ITEMS = 3;
/** One device in so many reports, each so often. */
const REPORTING_SHARE = 4;
const REPORT_EVERY_MS = 2_000;
const BEFORE_MS = 5_000;
const AFTER_MS = 3_000;
/** The client waits for at most half a minute between two attempts. */
const BACK_MS_MAX = 90_000;
const SETTLED_MS_MAX = 60_000;
const RESYNC_SHARE_MAX = 0.05;
const LOOK_EVERY_MS = 250;
const OPENING_AT_ONCE = 50;

const folder = mkdtempSync(join(tmpdir(), "playhead-deploy-"));
const start = { state: join(folder, "state"), secrets: makeSecrets() };
const running: RunningPlatform[] = [];
const devices: Device[] = [];

afterAll(async () => {
  for (const { client } of devices) client.stop();
  for (const platform of running) await platform.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** An app on a device: what it has reported itself it knows, all else its client tells. */
class Device {
  readonly client: PlayheadClient;
  readonly #own = new Map<string, Report>();
  lives = 0;
  resyncs = 0;
  failures = 0;

  constructor(number: number, token: string, url: () => string) {
    this.client = new PlayheadClient({
      url: "",
      key: `device-${number}`,
      device: { id: `device-${number}` },
      signIn: () => Promise.resolve({ token }),
      openSocket: (path, headers) =>
        new WebSocket(url().replace(/^http/, "ws") + path, {
          headers: { ...headers },
          perMessageDeflate: false,
        }) as unknown as SocketLike,
      onTold: (told) => this.#hear(told),
    });
  }

  report(itemId: string, positionMs: number): void {
    const report: Report = { kind: "video", itemId, positionMs, at: Date.now() };
    void this.client.report([report]).catch(() => (this.failures += 1));
  }

  /** Each item's state, by name. */
  get state(): ReadonlyMap<string, string> {
    const known = new Map(this.client.rules.copy.list().map((entry) => [nameOf(entry), entry] as const));
    const states = new Map<string, string>(Array.from(known, ([name, entry]) => [name, stateOf(entry)]));
    for (const [name, { positionMs, at }] of this.#own)
      if (at >= (known.get(name)?.watchedAt ?? 0)) states.set(name, `${positionMs}@${at}`);
    return states;
  }

  #hear(told: Told): void {
    if (told.type === "live") this.lives += 1;
    if (told.type === "changed" && told.isAnew) this.resyncs += 1;
    if (told.type !== "reported") return;
    for (const report of told.reports) this.#own.set(nameOf(report), report);
  }
}

async function signUpAll(url: string, count: number): Promise<readonly string[]> {
  const api = new ApiClient(url);
  const tokens: string[] = [];
  for (let user = 0; user < count; user += 1)
    tokens.push((await api.signUp(`viewer-${user}@example.com`)).token);
  return tokens;
}

async function until(isSo: () => boolean, msMax: number): Promise<void> {
  const untilMs = performance.now() + msMax;
  while (!isSo() && performance.now() < untilMs) await sleep(LOOK_EVERY_MS);
}

/** Some of the devices report until they are told to stop. */
function keepReporting(): () => void {
  let sent = 0;
  const timer = setInterval(() => {
    sent += 1;
    for (const [number, device] of devices.entries())
      if (number % REPORTING_SHARE === 0) device.report(`film-${(number + sent) % ITEMS}`, sent);
  }, REPORT_EVERY_MS);
  return () => clearInterval(timer);
}

it(
  "leaves each device with the server's state when sockets are cut by a deploy under full load",
  { timeout: 300_000 + DEVICES * 100 },
  async () => {
    copyMigratedState(start.state);
    running.push(await startPlatformOn(start));
    const url = (): string => running.at(-1)?.url ?? "http://127.0.0.1:9";
    const tokens = await signUpAll(url(), Math.ceil(DEVICES / DEVICES_PER_USER));
    const tokenOf = (number: number): string => tokens[Math.floor(number / DEVICES_PER_USER)] ?? "";
    for (let number = 0; number < DEVICES; number += 1) {
      const device = new Device(number, tokenOf(number), url);
      devices.push(device);
      device.client.start();
      if (number % OPENING_AT_ONCE === OPENING_AT_ONCE - 1)
        await until(() => device.client.rules.isLive, BACK_MS_MAX);
    }
    const areAllLive = (): boolean => devices.every(({ client }) => client.rules.isLive);
    await until(areAllLive, BACK_MS_MAX);
    expect(areAllLive()).toBe(true);
    const resyncedBefore = devices.map(({ resyncs }) => resyncs);
    const livesBefore = devices.map(({ lives }) => lives);

    const stopReporting = keepReporting();
    await sleep(BEFORE_MS);
    await running.pop()?.stop();
    running.push(await startPlatformOn(start));
    await until(areAllLive, BACK_MS_MAX);
    expect(areAllLive()).toBe(true);
    await sleep(AFTER_MS);
    stopReporting();

    const since = (count: "lives" | "resyncs", before: readonly number[]): number =>
      devices.reduce((sum, device, number) => sum + device[count] - (before[number] ?? 0), 0);
    const reconnections = since("lives", livesBefore);
    expect(reconnections).toBeGreaterThanOrEqual(DEVICES);
    expect(since("resyncs", resyncedBefore)).toBeLessThanOrEqual(RESYNC_SHARE_MAX * reconnections);
    await until(() => devices.every(({ client }) => client.rules.unacked === 0), SETTLED_MS_MAX);
    expect(devices.reduce((sum, { failures }) => sum + failures, 0)).toBe(0);
    const served = await Promise.all(tokens.map((token) => servedState(url(), token)));
    const isAsServed = (device: Device, number: number): boolean =>
      sameStates(device.state, served[Math.floor(number / DEVICES_PER_USER)] ?? new Map());
    await until(() => devices.every(isAsServed), SETTLED_MS_MAX);
    const wrong = devices.findIndex((device, number) => !isAsServed(device, number));
    expect(wrong < 0 ? null : devices[wrong]?.state).toEqual(
      wrong < 0 ? null : served[Math.floor(wrong / DEVICES_PER_USER)],
    );
    expect(served.every(({ size }) => size === ITEMS)).toBe(true);
  },
);

async function servedState(url: string, token: string): Promise<ReadonlyMap<string, string>> {
  const entries = await new HistoryClient(new ApiClient(url), token).list();
  return new Map(entries.map((entry) => [nameOf(entry), stateOf(entry)]));
}

function sameStates(a: ReadonlyMap<string, string>, b: ReadonlyMap<string, string>): boolean {
  return a.size === b.size && [...a].every(([name, state]) => b.get(name) === state);
}
