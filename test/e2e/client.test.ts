import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import { PlayheadClient, type SocketLike } from "../../clients/typescript/client.ts";
import { ticketFrom } from "../../clients/typescript/sign-in.ts";
import type { Told } from "../../clients/typescript/client-events.ts";
import type { Entry } from "../../clients/typescript/wire.ts";
import { ApiClient } from "../../testbed/clients/api-client.ts";
import { LaunchedScripts, runtimeOf } from "../support/platforms/launched-script.ts";
import { copyMigratedState } from "../support/platforms/migrated-state.ts";

/*
 * The client in clients/typescript against `npm start`: by ticket, over the platform's own
 * WebSocket, cut, and with the runtime killed under it.
 */

const folder = mkdtempSync(join(tmpdir(), "playhead-client-"));
const ARGS = ["--port", "0", "--state", join(folder, "state"), "--var", "RATE_LIMIT_SCALE:1000"];
const EMAIL = "viewer@example.com";
const PASSWORD = "correct horse battery";
const ITEMS = 8;
/** The client waits for half a minute at most between two attempts, and no machine is idle. */
const BACK_MS_MAX = 90_000;
const LOOK_MS = 50;

const scripts = new LaunchedScripts();
const devices: Device[] = [];
/** Where the platform is now, and whoever is signed in there. */
const place = { url: "", token: "" };

beforeAll(() => copyMigratedState(join(folder, "state")));

afterAll(async () => {
  for (const { client } of devices) client.stop();
  await scripts.end();
  rmSync(folder, { recursive: true, force: true });
});

class Device {
  readonly client: PlayheadClient;
  readonly told: Told[] = [];
  #socket: SocketLike | null = null;

  constructor(name: string) {
    this.client = new PlayheadClient({
      url: "",
      key: name,
      device: { id: name },
      signIn: () => ticketFrom(place.url, () => Promise.resolve(place.token))(),
      openSocket: (path) => {
        this.#socket = new WebSocket(place.url.replace("http", "ws") + path) as unknown as SocketLike;
        return this.#socket;
      },
      onTold: (told) => void this.told.push(told),
    });
    devices.push(this);
    this.client.start();
  }

  get lives(): number {
    return this.told.filter(({ type }) => type === "live").length;
  }

  /** The socket is gone under the client. */
  cut(): void {
    this.#socket?.close(3_000);
  }

  report(itemId: string, positionMs: number): Promise<void> {
    return this.client.report([{ kind: "video", itemId, positionMs, at: Date.now() }]);
  }

  /** By item and position, newest first. */
  get list(): readonly string[] {
    return this.client.rules.copy.list().map(lineOf);
  }
}

function lineOf({ itemId, positionMs }: Entry): string {
  return `${itemId} at ${positionMs}`;
}

async function start() {
  const script = scripts.start(ARGS);
  place.url = await script.ready;
  return script;
}

async function serverList(): Promise<readonly string[]> {
  const { body } = await new ApiClient(place.url).call("GET", "/v1/history?limit=100", {
    token: place.token,
  });
  return (body as { readonly items: readonly Entry[] }).items.map(lineOf);
}

async function until(what: string, holds: () => boolean): Promise<void> {
  const untilMs = Date.now() + BACK_MS_MAX;
  while (!holds()) {
    if (Date.now() > untilMs) throw new Error(`never: ${what}`);
    await sleep(LOOK_MS);
  }
}

it(
  "tells each device what the others report, over cuts and a killed runtime",
  { timeout: 400_000 },
  async () => {
    const first = await start();
    place.token = (await new ApiClient(place.url).signUp(EMAIL, PASSWORD)).token;
    const [phone, tv] = [new Device("phone"), new Device("tv")];
    await until("both are live", () => phone.lives === 1 && tv.lives === 1);
    await until("they know of each other", () =>
      devices.every(({ told }) =>
        told.some(
          (one) =>
            one.type === "devices" &&
            one.devices
              .map(({ id }) => id)
              .sort()
              .join() === "phone,tv",
        ),
      ),
    );

    const acked = new Map<string, number>();
    const report = async (itemId: string, positionMs: number): Promise<void> => {
      await phone.report(itemId, positionMs);
      acked.set(itemId, positionMs);
    };
    for (let item = 0; item < ITEMS; item += 1) await report(`film-${item}`, 1_000 + item);
    await until("the other device has all of it", () => tv.list.length === ITEMS);
    expect(tv.list).toEqual(await serverList());

    tv.cut();
    await report("film-0", 9_000);
    await until("it is back", () => tv.lives === 2);
    await until("it has what it missed", () => tv.list.includes("film-0 at 9000"));
    expect(tv.list).toEqual(await serverList());

    const playing = (async () => {
      for (let positionMs = 10_000; phone.lives === 1; positionMs += 1)
        await report(`film-${positionMs % ITEMS}`, positionMs);
    })();
    await until(
      "it plays on",
      () => [...acked.values()].filter((positionMs) => positionMs >= 10_000).length > 3,
    );
    process.kill(runtimeOf(first), "SIGKILL");
    await first.ended;
    await start();
    place.token = (await new ApiClient(place.url).signIn(EMAIL, PASSWORD)).token;
    // What was in flight is acked now, and nothing that was acked before is gone.
    await playing;
    const now = await serverList();
    for (const [itemId, positionMs] of acked) expect(now).toContain(`${itemId} at ${positionMs}`);

    await until("all are back", () => phone.lives === 2 && tv.lives === 3);
    phone.cut();
    await until("the one that reported is back once more", () => phone.lives === 3);
    await until("all have what the server has", () =>
      devices.every(({ list }) => list.join() === now.join()),
    );
    const anew = devices.flatMap(({ told }) => told.filter((one) => one.type === "changed" && one.isAnew));
    expect(anew).toEqual([]);
  },
);
