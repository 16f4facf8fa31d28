import { PlayheadClient } from "../clients/typescript/client.ts";
import { ticketFrom } from "../clients/typescript/sign-in.ts";
import type { Told } from "../clients/typescript/client-events.ts";

/*
 * Two devices of one user: what the television reports the phone hears of, and the phone has the
 * television pause.
 *
 *   npx node examples/two-devices.ts http://localhost:8787 <access token>
 */

type Of<T extends Told["type"]> = Extract<Told, { readonly type: T }>;

/** A device with a socket, which says what it is told. */
function device(url: string, token: string, id: string) {
  const waiting = new Map<Told["type"], (told: never) => void>();
  const client = new PlayheadClient({
    url: url.replace(/^http/, "ws"),
    key: id,
    device: { id },
    signIn: ticketFrom(url, async () => token),
    onTold: (told) => waiting.get(told.type)?.(told as never),
  });
  const hears = <T extends Told["type"]>(type: T): Promise<Of<T>> =>
    new Promise((resolve) => void waiting.set(type, resolve));
  return { client, hears };
}

const say = (text: string): void => void process.stdout.write(`${text}\n`);

const [url = "http://localhost:8787", token = ""] = process.argv.slice(2);
const [tv, phone] = [device(url, token, "tv"), device(url, token, "phone")];

const areLive = [tv, phone].map(({ hears }) => hears("live"));
for (const { client } of [tv, phone]) client.start();
await Promise.all(areLive);
say("tv and phone have a socket each, opened by a ticket");

const heard = phone.hears("changed");
await tv.client.report([{ kind: "video", itemId: "sintel", positionMs: 30_000, at: Date.now() }]);
say("tv: sintel is at 30 s, and that is durable");
const [change] = (await heard).changes;
if (change !== undefined && "entry" in change)
  say(`phone: hears that ${change.entry.itemId} is at ${change.entry.positionMs / 1_000} s`);

const order = tv.hears("command");
phone.client.command({ to: "tv", command: "pause" });
const { command } = await order;
say(`tv: is told by ${command.from} to ${command.command}`);
for (const { client } of [tv, phone]) client.stop();
