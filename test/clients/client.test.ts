import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { PlayheadClient, type SocketLike } from "../../clients/typescript/client.ts";
import { decodePackets, encodeJson, encodePacket } from "../../clients/typescript/packets.ts";
import type { Told } from "../../clients/typescript/client-events.ts";
import { OPS } from "../../clients/typescript/wire.ts";
import { MESSAGES_PER_SECOND_MAX } from "../../src/contracts/realtime.ts";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** A socket that the test plays the server of. */
class ServedSocket implements SocketLike {
  readonly sent: { readonly op: number; readonly body: string }[] = [];
  readonly #listeners = new Map<string, (event: object) => void>();

  addEventListener(type: string, listen: (event: never) => void): void {
    this.#listeners.set(type, listen as (event: object) => void);
  }

  send(data: Uint8Array | string): void {
    if (typeof data === "string") return;
    for (const { op, body } of decodePackets(data) ?? [])
      this.sent.push({ op, body: new TextDecoder().decode(body) });
  }

  close(): void {}

  happens(type: string, event: object = {}): void {
    this.#listeners.get(type)?.(event);
  }

  says(op: number, body?: object): void {
    const bytes = encodePacket(op, 0, body === undefined ? new Uint8Array() : encodeJson(body));
    this.happens("message", { data: bytes.buffer });
  }
}

/** A client whose socket is open, and which has not been greeted yet. */
async function opened(onTold: (told: Told, client: PlayheadClient) => void) {
  const socket = new ServedSocket();
  const client: PlayheadClient = new PlayheadClient({
    url: "",
    key: "k",
    signIn: () => Promise.resolve({ token: "t" }),
    openSocket: () => socket,
    onTold: (told) => onTold(told, client),
  });
  client.start();
  await vi.advanceTimersByTimeAsync(0);
  socket.happens("open");
  return { client, socket };
}

describe("commands to another device", () => {
  it("end no socket, however many: what is too much isn't sent, and the app hears so", async () => {
    const { client, socket } = await opened(() => undefined);
    socket.says(OPS.authReply);
    const seek = (positionMs: number) => client.command({ to: "tv", command: "seek", positionMs });
    const sent: number[] = [];
    for (let second = 0; second < 5; second += 1) {
      let inSecond = 0;
      for (let frame = 0; frame < 60; frame += 1) {
        if (seek(second * 60 + frame)) inSecond += 1;
        await vi.advanceTimersByTimeAsync(1_000 / 60);
      }
      sent.push(inSecond);
    }
    const commands = socket.sent.filter(({ op }) => op === OPS.command);
    expect(commands).toHaveLength(sent.reduce((sum, count) => sum + count, 0));
    // With ten packets of reports a second a socket has not twenty yet.
    expect(Math.max(...sent)).toBeLessThan(MESSAGES_PER_SECOND_MAX - 10);
    expect(Math.min(...sent)).toBeGreaterThanOrEqual(4);
  });
});

describe("what the app does while it is told something", () => {
  it("comes after what was to be done before", async () => {
    const { client, socket } = await opened(({ type }, told) => {
      if (type === "live") told.enter("live://2");
    });
    client.enter("live://1");
    socket.says(OPS.authReply);
    const rooms = socket.sent.filter(({ op }) => op === OPS.changeRoom).map(({ body }) => body);
    expect(rooms).toEqual(["live://1", "live://2"]);
  });

  it("holds up nothing where it throws: reports are sent, and time goes on", async () => {
    const { client, socket } = await opened(({ type }) => {
      if (type === "changed") throw new Error("of the app");
    });
    void client.report([{ kind: "video", itemId: "film", positionMs: 1, at: Date.now() }]);
    socket.says(OPS.authReply);
    const changes = [{ removed: { kind: "video", itemId: "other", at: 1 } }];
    expect(() => socket.says(OPS.changed, { changes, cursor: "1" })).toThrow("of the app");
    expect(socket.sent.map(({ op }) => op)).toEqual([OPS.auth, OPS.report]);
    expect(vi.getTimerCount()).toBe(1);
  });
});
