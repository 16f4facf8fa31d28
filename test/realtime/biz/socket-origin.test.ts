import { describe, expect, it } from "vitest";
import {
  readSocketOrigin,
  SOCKET_HEADER,
  writeSocketOrigin,
  type SocketOrigin,
} from "../../../src/realtime/biz/socket-origin.ts";

const ADA = { userId: "ada", sessionId: "s-1", roles: ["user"] };
const read = (text: string | null): SocketOrigin | null =>
  readSocketOrigin(new Headers(text === null ? {} : { [SOCKET_HEADER]: text }));

describe("what a door says of a socket", () => {
  it.each<SocketOrigin>([
    { door: "own", isTcp: false, user: ADA },
    { door: "own", isTcp: false, user: { ...ADA, cell: "us" } },
    { door: "goim", isTcp: true, user: null },
    { door: "goim", isTcp: false, user: { ...ADA, userId: 'größer 名前 \u{1f980} "\\' } },
  ])("is what the comet hears: %j", (origin) => {
    expect(read(writeSocketOrigin(origin))).toEqual(origin);
  });

  it.each([
    null,
    "",
    "{",
    "{}",
    JSON.stringify({ door: "other", isTcp: false, user: null }),
    JSON.stringify({ door: "own", isTcp: false }),
    JSON.stringify({ door: "own", isTcp: false, user: { ...ADA, userId: "" } }),
    JSON.stringify({ door: "own", isTcp: false, user: { ...ADA, cell: "US" } }),
    JSON.stringify({ door: "own", isTcp: false, user: { ...ADA, roles: Array.from("x".repeat(17)) } }),
  ])("is nothing where nothing of the kind was said: %j", (text) => {
    expect(read(text)).toBeNull();
  });
});
